// What the scope reader must know of each grammar: which nodes are names, which open a scope, and where a name is bound.
// The tables approximate each language; types, overloads, macros and dynamic names are beyond them.

import type { Grammar } from '../source/languages.ts';

/** The tables of one grammar; all strings are node types or field names of it. */
export interface ScopeRules {
  /** Nodes that are names used on their own. */
  readonly names: ReadonlySet<string>;
  /** Nodes that are names behind a dot, or of members where they are declared. */
  readonly members: ReadonlySet<string>;
  /** Nodes that open a scope. */
  readonly scopes: ReadonlySet<string>;
  /** Scopes whose bindings are members, which are not seen by their plain name from inside. */
  readonly memberScopes: ReadonlySet<string>;
  /** Nodes that open a scope but whose `name` is bound outside it. */
  readonly namedOutside: ReadonlySet<string>;
  /** `<node>.<field>` whose child is a pattern that binds; `<node>.` for children without a field. */
  readonly binders: ReadonlySet<string>;
  /** `<node>.<field>` or `<node>.*` through which a pattern goes on. */
  readonly patterns: ReadonlySet<string>;
  /** `<node>.<field>` where a member is declared. */
  readonly memberDeclarations: ReadonlySet<string>;
  /** `<node>.<field of the object>.<field of the member>`: the member is not a name of its own. */
  readonly dotted: ReadonlySet<string>;
  /** `<node>.<field>` of names that stand for nothing declared, such as the keyword of an argument. */
  readonly labels: ReadonlySet<string>;
  /** Nodes whose inside is left out: imports and exports are read apart. */
  readonly ignored: ReadonlySet<string>;
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

const typescript: ScopeRules = {
  names: words('identifier type_identifier shorthand_property_identifier shorthand_property_identifier_pattern'),
  members: words('property_identifier private_property_identifier'),
  scopes:
    words(`function_declaration generator_function_declaration function_expression generator_function arrow_function
    method_definition method_signature abstract_method_signature call_signature construct_signature function_signature
    function_type constructor_type statement_block class_body for_statement for_in_statement catch_clause switch_body
    class_declaration abstract_class_declaration class interface_declaration type_alias_declaration mapped_type_clause
    conditional_type class_static_block internal_module module`),
  memberScopes: words('class_body'),
  namedOutside: words(`function_declaration generator_function_declaration function_signature class_declaration
    abstract_class_declaration interface_declaration type_alias_declaration internal_module`),
  binders:
    words(`variable_declarator.name required_parameter.pattern optional_parameter.pattern arrow_function.parameter
    formal_parameters. catch_clause.parameter for_in_statement.left function_declaration.name
    generator_function_declaration.name function_expression.name generator_function.name function_signature.name
    class_declaration.name abstract_class_declaration.name class.name interface_declaration.name
    type_alias_declaration.name enum_declaration.name internal_module.name type_parameter.name mapped_type_clause.name
    infer_type.`),
  patterns: words(`object_pattern.* array_pattern.* rest_pattern.* pair_pattern.value assignment_pattern.left
    object_assignment_pattern.left`),
  memberDeclarations: words(`method_definition.name method_signature.name abstract_method_signature.name
    public_field_definition.name field_definition.property property_signature.name enum_body.name enum_assignment.name`),
  dotted: words(
    'member_expression.object.property nested_type_identifier.module.name nested_identifier.object.property',
  ),
  labels: new Set(),
  ignored: words('import_statement export_clause namespace_export'),
};

const python: ScopeRules = {
  names: words('identifier'),
  members: new Set(),
  scopes: words(`function_definition class_definition lambda list_comprehension set_comprehension
    dictionary_comprehension generator_expression`),
  memberScopes: words('class_definition'),
  namedOutside: words('function_definition class_definition'),
  binders: words(`function_definition.name class_definition.name parameters. lambda_parameters. default_parameter.name
    typed_parameter. typed_default_parameter.name assignment.left augmented_assignment.left named_expression.name
    for_statement.left for_in_clause.left as_pattern_target.`),
  patterns: words('pattern_list.* tuple_pattern.* list_pattern.* list_splat_pattern.* dictionary_splat_pattern.*'),
  memberDeclarations: new Set(),
  dotted: words('attribute.object.attribute'),
  labels: words('keyword_argument.name'),
  ignored: words('import_statement import_from_statement future_import_statement'),
};

const go: ScopeRules = {
  names: words('identifier type_identifier'),
  members: words('field_identifier'),
  scopes: words(`function_declaration method_declaration func_literal block if_statement for_statement
    expression_case communication_case type_case default_case function_type`),
  memberScopes: new Set(),
  namedOutside: words('function_declaration'),
  binders: words(`function_declaration.name parameter_declaration.name variadic_parameter_declaration.name
    short_var_declaration.left range_clause.left var_spec.name const_spec.name type_spec.name type_alias.name
    type_parameter_declaration.name`),
  patterns: words('expression_list.*'),
  memberDeclarations: words('method_declaration.name field_declaration.name method_elem.name'),
  dotted: words('selector_expression.operand.field qualified_type.package.name'),
  labels: new Set(),
  ignored: words('import_declaration package_clause'),
};

const rust: ScopeRules = {
  names: words('identifier type_identifier shorthand_field_identifier'),
  members: words('field_identifier'),
  scopes: words(`function_item function_signature_item closure_expression block match_arm if_expression while_expression
    for_expression struct_item enum_item trait_item impl_item type_item declaration_list`),
  memberScopes: words('declaration_list'),
  namedOutside: words('function_item function_signature_item struct_item enum_item trait_item type_item'),
  binders: words(`function_item.name function_signature_item.name struct_item.name enum_item.name union_item.name
    trait_item.name type_item.name const_item.name static_item.name mod_item.name macro_definition.name parameter.pattern
    closure_parameters. let_declaration.pattern for_expression.pattern let_condition.pattern type_parameter.name`),
  patterns: words(`tuple_pattern.* tuple_struct_pattern.* struct_pattern.* field_pattern.* slice_pattern.*
    captured_pattern.* ref_pattern.* mut_pattern.* reference_pattern.* or_pattern.* remaining_field_pattern.*`),
  memberDeclarations: words('field_declaration.name enum_variant.name'),
  dotted: words('field_expression.value.field scoped_identifier.path.name scoped_type_identifier.path.name'),
  labels: new Set(),
  ignored: words('use_declaration'),
};

const java: ScopeRules = {
  names: words('identifier type_identifier'),
  members: new Set(),
  scopes: words(`method_declaration constructor_declaration lambda_expression block for_statement enhanced_for_statement
    catch_clause class_body interface_body enum_body try_with_resources_statement switch_block`),
  memberScopes: words('class_body interface_body enum_body'),
  namedOutside: words('method_declaration constructor_declaration'),
  binders: words(`class_declaration.name interface_declaration.name enum_declaration.name record_declaration.name
    annotation_type_declaration.name method_declaration.name constructor_declaration.name formal_parameter.name
    variable_declarator.name enhanced_for_statement.name catch_formal_parameter.name lambda_expression.parameters
    inferred_parameters. resource.name type_parameter.`),
  patterns: new Set(),
  memberDeclarations: words('enum_constant.name'),
  dotted: words('field_access.object.field method_invocation.object.name scoped_identifier.scope.name'),
  labels: new Set(),
  ignored: words('import_declaration package_declaration'),
};

/** The tables by grammar. */
export const scopeRules: Readonly<Record<Grammar, ScopeRules>> = {
  typescript,
  tsx: typescript,
  javascript: typescript,
  python,
  go,
  rust,
  java,
};
