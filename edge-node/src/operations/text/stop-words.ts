// Function words of the languages most often met. They join the words that carry meaning: they end a key phrase and
// count nothing when sentences are compared. Languages that are not here still work, less sharply.

const lists: readonly string[] = [
  // English
  `a about above across after again against all almost also although always am among an and another any anyone anything
  are around as at be became because been before being below between both but by can cannot could did do does doing done
  down during each either else enough etc even ever every few for from further get gets given had has have having he her
  here hers herself him himself his how however i if in into is it its itself just least less let like made make makes
  many may me might more most much must my myself neither never no nor not nothing now of off often on once one only onto
  or other others our ours ourselves out over own per rather really same say says see seen shall she should since so some
  such take than that the their theirs them themselves then there therefore these they this those though through thus to
  together too toward two under unless until up upon us use used uses using very via was way we well were what when where
  whether which while who whole whom whose why will with within without would yet you your yours yourself`,
  // German
  `aber alle allem allen aller alles als also am an andere anderen anders auch auf aus bei beim bereits bin bis bist da
  dabei dadurch daher damit dann daran darauf daraus darf darin das dass davon dazu dein dem den denn der deren des deshalb
  dessen die dies diese diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es etwas euch
  für gegen gibt hat hatte haben hier hin ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer in ist ja jede jedem jeden
  jeder jedes kann kein keine können machen man mehr mein mit muss müssen nach nicht nichts noch nun nur ob oder ohne sehr
  sein seine seinem seinen seiner seit sich sie sind so sondern soll sollte über um und uns unser unter viel vom von vor
  war waren was weil welche wenn werden wie wieder will wir wird wo wurde zu zum zur zwar zwischen`,
  // French
  `à afin ai ainsi alors après au aucun aussi autre autres aux avant avec avoir beaucoup bien c ça car ce ceci cela celle
  celui ces cet cette ceux chaque chez comme comment contre d dans de depuis des deux doit donc dont du elle elles en encore
  entre est et été être eu fait faire faut fois hors ici il ils j je jusque l la le les leur leurs lors lui m ma mais me
  même mes moins mon n ne ni non nos notre nous on ont ou où par parce pas peu peut plus plusieurs pour pourquoi puis qu
  quand que quel quelle qui s sa sans se selon sera ses si sinon soit son sont sous sur t ta tandis te tes ton toujours
  tous tout toute toutes très tu un une vers voici voilà vos votre vous y`,
  // Spanish
  `al algo algunos ante antes aquel aquella aquí así aun aunque bajo cada como con contra cual cuando de del desde donde
  dos durante el ella ellos en entre era es esa ese eso esta está están estas este esto estos fue ha hace hacia hasta hay
  la las le les lo los más me mi mientras muy nada ni no nos nosotros nuestro o otra otro otros para pero poco por porque
  pues que qué quien se sea según ser si sí sido sin sino sobre son su sus también tan tanto te tiene todo todos tu un una
  unas uno unos usted y ya yo`,
  // Italian
  `ad agli ai al alla alle allo altri altro anche ancora avere che chi ci come con contro cui da dagli dai dal dalla dalle
  degli dei del della delle dello di dopo dove e è ed essere fa fino fra gli ha hanno ho il in io la le lei li lo loro lui
  ma mentre molto ne negli nei nel nella nelle no noi non nostro ogni o per perché più poi può prima qual quale quando
  quella quello questa questo qui se sei sempre senza si sia sono sopra sotto su sua sugli sul sulla suo tra tutti tutto
  un una uno vi voi`,
  // Portuguese
  `ao aos aquela aquele as até com como da das de dela dele depois do dos e é ela ele eles em entre era essa esse esta está
  este eu foi há isso isto já lhe mais mas me mesmo meu minha muito na não nas nem no nos nós o os ou para pela pelo por
  porque quando que quem são se sem ser seu sua também te tem um uma você`,
  // Dutch
  `aan al alle als andere bij daar dan dat de deze die dit doen door dus een en er ge geen had heb hebben heeft het hier hij
  hoe hun ik in is ja je kan kon maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons ook op
  over reeds te tegen toch toen tot u uit uw van veel voor want waren was wat werd wezen wie wil worden wordt zal ze zelf
  zich zij zijn zo zonder zou`,
];

/** Lower-case function words of English, German, French, Spanish, Italian, Portuguese and Dutch. */
export const stopWords: ReadonlySet<string> = new Set(lists.flatMap((list) => list.trim().split(/\s+/)));
