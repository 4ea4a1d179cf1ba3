/* The operator table: rows in rising order of code, every builtin code of the schema once, each row whole. */
#include "ops/ops.h"
#include "support/unit.h"

enum { SCHEMA_CODES = 210 }; /* BuiltinOperator of the schema: 0..209 without a gap */

static void builtin_codes_rise_and_are_all_there(void **state) {
  (void)state;
  assert_int_equal(LN_OP_CODE_COUNT, SCHEMA_CODES);
  for (int32_t code = 0; code < SCHEMA_CODES; ++code) {
    const ln_op_def *row = ln_op_def_at(code);
    assert_non_null(row);
    if (row->code != code) fail_msg("row %d is %s, of code %d", code, row->name, row->code);
    assert_ptr_equal(ln_op_find(code), row);
  }
  assert_null(ln_op_find(-1));
  assert_null(ln_op_find(SCHEMA_CODES));
}

static void custom_names_are_unique(void **state) {
  (void)state;
  for (int32_t i = SCHEMA_CODES; i < ln_op_def_count(); ++i) {
    const ln_op_def *row = ln_op_def_at(i);
    assert_int_equal(row->code, LN_OP_CUSTOM);
    if (ln_op_find_custom(row->name) != row) fail_msg("%s has two rows", row->name);
  }
  assert_non_null(ln_op_find_custom("no such operator")->kernel_not_yet);
}

static void rows_are_whole(void **state) {
  (void)state;
  for (int32_t i = 0; i < ln_op_def_count(); ++i) {
    const ln_op_def *row = ln_op_def_at(i);
    assert_true(row->name != NULL && row->name[0] != '\0');
    if (row->kernel_not_yet != NULL) {
      if (row->run != NULL || row->types != NULL) fail_msg("%s both has a kernel and has none yet", row->name);
    } else if (row->types == NULL || row->infer == NULL || row->prepare == NULL || row->run == NULL ||
               row->macs == NULL) {
      fail_msg("%s lacks a function or its types", row->name);
    } else if (strchr(row->types, '>') == NULL) {
      fail_msg("%s: types \"%s\" name no outputs", row->name, row->types);
    }
    if (row->options != LN_TABLE_none) assert_non_null(ln_schema_table(row->options));
  }
  assert_null(ln_op_def_at(-1));
  assert_null(ln_op_def_at(ln_op_def_count()));
}

/* What a small build is told an operator by (src/api/selection.c): its name in letters, digits and _, without TF Text's
 * prefix. */
static void custom_identifiers_follow_from_names(void **state) {
  static const struct {
    const char *id, *name;
  } rows[] = {
#define LN_CUSTOM_OP(id, name, infer, prepare, run, macs, variant, flags, types, gradient) {#id, name},
#include "ops/custom.def"
  };
  (void)state;
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    char wanted[128];
    size_t length = 0;
    for (const char *c = rows[i].name; *c != '\0'; ++c) {
      if (strncmp(c, "TFText>", 7) == 0) c += 7;
      wanted[length++] = strchr("_:>.- /", *c) != NULL ? '_' : *c;
    }
    wanted[length] = '\0';
    if (strcmp(rows[i].id, wanted) != 0) fail_msg("%s has the identifier %s, not %s", rows[i].name, rows[i].id, wanted);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(builtin_codes_rise_and_are_all_there),
      cmocka_unit_test(custom_names_are_unique),
      cmocka_unit_test(rows_are_whole),
      cmocka_unit_test(custom_identifiers_follow_from_names),
  };
  return cmocka_run_group_tests_name("ops.table", tests, NULL, NULL);
}
