#!/bin/sh
# Starts workerd with Miniflare's entry on a Unix socket. Miniflare opens its entry on a TCP port, where any process of the
# machine could read every bucket without a key (docs/decisions/0027); no option of it closes that port. The folder that
# STARLING_ENTRY_FOLDER names is its owner's alone. Called by Miniflare (MINIFLARE_WORKERD_PATH) with workerd's arguments.

if [ -n "$STARLING_ENTRY_FOLDER" ]; then
  # A path of its own length: the system takes no socket whose path is longer than about 100 bytes, so it is named from here.
  cd "$STARLING_ENTRY_FOLDER" || exit 1
  rm -f entry
  for argument; do
    shift
    case $argument in --socket-addr=entry=*) argument=--socket-addr=entry=unix:entry ;; esac
    set -- "$@" "$argument"
  done
fi
exec "$STARLING_WORKERD" "$@"
