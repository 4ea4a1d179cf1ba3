/* The schema's descriptors: complete, consistent, and what enumerations, unions and defaults say. */
#include "ir/ir.h"
#include "support/unit.h"

static void descriptors_fit_their_structs(void **state) {
  (void)state;
  for (int t = LN_TABLE_none + 1; t < LN_TABLE_COUNT; ++t) {
    const ln_table_info *info = ln_schema_table((ln_table_id)t);
    assert_non_null(info);
    for (uint16_t i = 0; i < info->field_count; ++i) {
      const ln_field_info *field = &info->fields[i];
      assert_true(field->offset > 0 && field->offset < info->struct_size);
      if (i > 0) assert_true(field->id > info->fields[i - 1].id);
      if (field->field_class != LN_CLASS_UNION) continue;
      assert_true(i > 0); /* the decoder finds a union's tag in the field before it */
      assert_int_equal(info->fields[i - 1].id + 1, field->id);
      assert_int_equal(info->fields[i - 1].kind, LN_KIND_u8);
    }
  }
  assert_null(ln_schema_table(LN_TABLE_none));
  assert_null(ln_schema_table(LN_TABLE_COUNT));
}

static void unions_go_both_ways(void **state) {
  (void)state;
  int members = 0;
  for (int u = LN_UNION_builtin_options; u <= LN_UNION_sparse_index_vector; ++u) {
    for (uint32_t tag = 1; tag < 256; ++tag) {
      const ln_table_id table = ln_schema_union_member((ln_union_id)u, tag);
      if (table == LN_TABLE_none) continue;
      assert_int_equal(ln_schema_union_tag((ln_union_id)u, table), tag);
      ++members;
    }
  }
  assert_int_equal(members, 126 + 23 + 3 + 3);
  assert_int_equal(ln_schema_union_member(LN_UNION_builtin_options, 1), LN_TABLE_conv2d_options);
  assert_int_equal(ln_schema_union_tag(LN_UNION_builtin_options, LN_TABLE_model_table), 0);
}

static void enumerations_have_names(void **state) {
  (void)state;
  assert_string_equal(ln_schema_enum_name(LN_ENUM_padding, LN_PADDING_VALID), "VALID");
  assert_string_equal(ln_schema_enum_name(LN_ENUM_activation, LN_ACT_RELU6), "RELU6");
  for (int type = 0; type < LN_TYPE_COUNT; ++type) assert_non_null(ln_schema_enum_name(LN_ENUM_tensor_type, type));
  assert_string_equal(ln_schema_enum_name(LN_ENUM_tensor_type, LN_INT4), "INT4");
  assert_null(ln_schema_enum_name(LN_ENUM_tensor_type, LN_TYPE_COUNT));
  assert_null(ln_schema_enum_name(LN_ENUM_padding, -1));
  assert_null(ln_schema_enum_name(LN_ENUM_none, 0));
}

static void defaults_are_set(void **state) {
  (void)state;
  ln_conv2d_options conv;
  ln_operator op;
  ln_add_options add;
  memset(&conv, 0xff, sizeof conv);
  memset(&op, 0xff, sizeof op);
  ln_schema_set_defaults(LN_TABLE_conv2d_options, &conv);
  ln_schema_set_defaults(LN_TABLE_operator, &op);
  ln_schema_set_defaults(LN_TABLE_add_options, &add);
  assert_int_equal(conv.dilation_w_factor, 1);
  assert_int_equal(conv.stride_w, 0);
  assert_int_equal(op.debug_metadata_index, -1);
  assert_null(op.inputs.data);
  assert_true(add.pot_scale_int16);
}

static void attributes_are_printed(void **state) {
  (void)state;
  ln_conv2d_options conv;
  ln_reshape_options reshape;
  const int32_t shape[] = {1, -1};
  char text[256], little[8];
  ln_op op = {.options = &conv, .options_table = LN_TABLE_conv2d_options};
  ln_schema_set_defaults(LN_TABLE_conv2d_options, &conv);
  conv.padding = LN_PADDING_VALID;
  conv.stride_w = 2;
  const size_t length = ln_op_attributes(&op, text, sizeof text);
  assert_int_equal(length, strlen(text));
  assert_non_null(strstr(text, "padding=VALID stride_w=2 stride_h=0 fused_activation_function=NONE"));
  assert_int_equal(ln_op_attributes(&op, little, sizeof little), length);
  assert_string_equal(little, "padding");
  assert_int_equal(ln_op_attributes(&op, NULL, 0), length);
  ln_schema_set_defaults(LN_TABLE_reshape_options, &reshape);
  reshape.new_shape = (ln_vec_i32){shape, 2};
  op = (ln_op){.options = &reshape, .options_table = LN_TABLE_reshape_options};
  ln_op_attributes(&op, text, sizeof text);
  assert_string_equal(text, "new_shape=[1, -1]");
  op = (ln_op){.custom_options = (const uint8_t *)"\x07\x00", .custom_options_size = 2};
  ln_op_attributes(&op, text, sizeof text);
  assert_string_equal(text, "custom_options=2 bytes");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(descriptors_fit_their_structs), cmocka_unit_test(unions_go_both_ways),
      cmocka_unit_test(enumerations_have_names),       cmocka_unit_test(defaults_are_set),
      cmocka_unit_test(attributes_are_printed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
