/* Samples for training: values, classes and both from arrays, archives, tables and folders; weights; the part that
 * validates; and a line that names the file and the sample for data that are bad. */
#include "data_files.h"

/* A model of one input "x" and a dense layer, or of several inputs of one number. */
static void build(const int32_t *dims, int32_t rank, const char *const *layers) {
  ln_builder *builder;
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  options.batch = 1;
  assert_int_equal(ln_builder_create(&options, &err, &builder), LN_OK);
  assert_int_equal(ln_builder_input(builder, "x", LN_FLOAT32, rank, dims, &err), LN_OK);
  for (; *layers; layers++) assert_int_equal(ln_builder_add(builder, *layers, &err), LN_OK);
  assert_int_equal(ln_builder_make(builder, &err, &model), LN_OK);
  ln_builder_destroy(builder);
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
}

/* x[features] to so many numbers. */
static void build_dense(int32_t features, int32_t outputs) {
  char layer[40];
  snprintf(layer, sizeof layer, "Dense name=out units=%d", outputs);
  build(&features, 1, (const char *const[]){layer, NULL});
}

static ln_data_options training(const char *labels) {
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  options.labels = labels;
  options.training = true;
  return options;
}

static void refuses_training(const char *path, const char *labels, const char *first, const char *second) {
  char kept[2][200] = {"", ""};
  snprintf(kept[0], sizeof kept[0], "%s", path), snprintf(kept[1], sizeof kept[1], "%s", labels ? labels : "");
  const ln_data_options options = training(labels ? kept[1] : NULL);
  ln_data *data = NULL;
  ln_status status = ln_data_open(kept[0], model, &options, &err, &data);
  ln_train_data train;
  if (status == LN_OK) status = ln_data_train(data, &err, &train);
  ln_data_close(data);
  if (status == LN_OK) fail_msg("%s is taken", kept[0]);
  if (!strstr(err.message, first) || !strstr(err.message, second)) fail_msg("%s", err.message);
}

static ln_data *open_training(const char *path, const char *labels, ln_train_data *train) {
  char kept[200];
  snprintf(kept, sizeof kept, "%s", path);
  const ln_data_options options = training(labels);
  ln_data *data = open_data(kept, &options);
  if (ln_data_train(data, &err, train) != LN_OK) fail_msg("%s", err.message);
  return data;
}

static void has_labels(const ln_train_data *train, int64_t count, const int32_t *labels) {
  assert_int_equal(train->samples->count, count);
  assert_non_null(train->labels);
  assert_int_equal(train->label_count, 1);
  for (int64_t i = 0; i < count; i++) assert_int_equal(train->labels[i], labels[i]);
}

/* ---- arrays ---- */

#define FASHION LN_TESTS_DIR "/../models/fashion_mnist.tflite"
#define PICTURES LN_TESTS_DIR "/../examples/fashion"

static char samples[200];

/* Six samples of three numbers. */
static void write_samples(void) {
  float numbers[18];
  for (int i = 0; i < 18; i++) numbers[i] = (float)i;
  strcpy(samples, write_npy("x.npy", "<f4", "6, 3", numbers, sizeof numbers));
}

static void takes_classes(void **state) {
  (void)state;
  build_dense(3, 4);
  write_samples();
  const int64_t wide[6] = {0, 3, 1, 2, 0, 1};
  const float real[6] = {0, 3, 1, 2, 0, 1};
  const int32_t expected[6] = {0, 3, 1, 2, 0, 1};
  char paths[3][200];
  strcpy(paths[0], write_npy("y.npy", "<i8", "6,", wide, sizeof wide));
  strcpy(paths[1], write_npy("real.npy", "<f4", "6, 1", real, sizeof real));
  strcpy(paths[2], write_file("y.txt", "0\n3\n1\n2\n0\n1\n", 12));
  for (int i = 0; i < 3; i++) {
    ln_train_data train;
    ln_data *data = open_training(samples, paths[i], &train);
    has_labels(&train, 6, expected);
    assert_null(train.targets);
    assert_non_null(ln_data_labelled(data));
    assert_non_null(strstr(train.name(train.user, 4), "x.npy: sample 4"));
    assert_null(ln_data_note(data, 0));
    ln_data_close(data);
  }
}

static void notes_classes_without_samples(void **state) {
  (void)state;
  build_dense(3, 4);
  write_samples();
  char path[200];
  strcpy(path, write_file("y.txt", "0\n2\n2\n2\n0\n0\n", 12));
  ln_train_data train;
  ln_data *data = open_training(samples, path, &train);
  assert_string_equal(ln_data_note(data, 0), "no sample is of class 1: 2 of the model's 4 classes have none");
  assert_null(ln_data_note(data, 1));
  ln_data_close(data);
}

static void takes_values(void **state) {
  (void)state;
  build_dense(3, 2);
  write_samples();
  const double values[12] = {0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -11};
  ln_train_data train;
  char path[200];
  strcpy(path, write_npy("y.npy", "<f8", "6, 2", values, sizeof values));
  ln_data *data = open_training(samples, path, &train);
  assert_null(train.labels);
  assert_null(ln_data_labelled(data));
  assert_int_equal(train.target_count, 2);
  for (int i = 0; i < 12; i++) assert_true(train.targets[i] == (float)values[i]);
  ln_data_close(data);
}

static void takes_one_in_many_as_classes_too(void **state) {
  (void)state;
  build_dense(3, 2);
  write_samples();
  const uint8_t ones[12] = {1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1}, two[12] = {1, 0, 1, 1, 0, 0};
  ln_train_data train;
  char path[200];
  strcpy(path, write_npy("y.npy", "|u1", "6, 2", ones, 12));
  ln_data *data = open_training(samples, path, &train);
  has_labels(&train, 6, (const int32_t[]){0, 1, 1, 0, 0, 1});
  assert_true(train.targets[0] == 1 && train.targets[1] == 0);
  ln_data_close(data);
  strcpy(path, write_npy("several.npy", "|u1", "6, 2", two, 12));
  data = open_training(samples, path, &train);
  assert_null(train.labels);
  assert_true(train.targets[2] == 1 && train.targets[3] == 1);
  ln_data_close(data);
}

/* Ones of positions are no class of the whole. */
static void takes_ones_of_positions_as_values(void **state) {
  (void)state;
  const int32_t dims[2] = {3, 1};
  build(dims, 2, (const char *const[]){"Dense name=out units=4", NULL}); /* [3, 4] */
  write_samples();
  uint8_t ones[72] = {0};
  for (int i = 0; i < 6; i++) ones[i * 12 + 11] = 1;
  char path[200];
  strcpy(path, write_npy("y.npy", "|u1", "6, 3, 4", ones, sizeof ones));
  ln_train_data train;
  ln_data *data = open_training(samples, path, &train);
  assert_null(train.labels);
  assert_true(train.target_count == 12 && train.targets[11] == 1);
  ln_data_close(data);
}

/* A model of one output: yes or no, which are values as well; other numbers are values alone. */
static void takes_one_output(void **state) {
  (void)state;
  build_dense(3, 1);
  write_samples();
  const int32_t yes[6] = {0, 1, 1, 0, 0, 1}, price[6] = {0, 1, 150000, 0, 0, 1};
  ln_train_data train;
  char path[200];
  strcpy(path, write_npy("yes.npy", "<i4", "6,", yes, sizeof yes));
  ln_data *data = open_training(samples, path, &train);
  has_labels(&train, 6, yes);
  assert_true(train.target_count == 1 && train.targets[5] == 1);
  ln_data_close(data);
  strcpy(path, write_npy("price.npy", "<i4", "6,", price, sizeof price));
  data = open_training(samples, path, &train);
  assert_null(train.labels);
  assert_true(train.targets[2] == 150000);
  ln_data_close(data);
}

static void takes_classes_of_positions(void **state) {
  (void)state;
  const int32_t dims[2] = {3, 1};
  build(dims, 2, (const char *const[]){"Dense name=out units=4", NULL}); /* [3, 4] */
  write_samples();
  uint8_t labels[18];
  for (int i = 0; i < 18; i++) labels[i] = (uint8_t)(i % 4);
  char path[200];
  strcpy(path, write_npy("y.npy", "|u1", "6, 3", labels, 18));
  ln_train_data train;
  ln_data *data = open_training(samples, path, &train);
  assert_int_equal(train.label_count, 3);
  assert_null(train.targets);
  assert_null(ln_data_labelled(data));
  for (int i = 0; i < 18; i++) assert_int_equal(train.labels[i], i % 4);
  ln_data_close(data);
  labels[10] = 4;
  strcpy(path, write_npy("y.npy", "|u1", "6, 3", labels, 18));
  refuses_training(samples, path, "y.npy: the label of sample 3 is 4", "4 classes");
}

/* An autoencoder's outputs are to become its inputs, as they are normalised. */
static void takes_inputs_as_values(void **state) {
  (void)state;
  const int32_t dims[3] = {2, 2, 3};
  build(dims, 3, (const char *const[]){"Dense name=out units=3", NULL});
  uint8_t bytes[24];
  for (int i = 0; i < 24; i++) bytes[i] = (uint8_t)(i * 10);
  char path[200];
  strcpy(path, write_npy("pictures.npy", "|u1", "2, 2, 2, 3", bytes, 24));
  ln_train_data train;
  ln_data *data = open_training(path, path, &train);
  assert_int_equal(train.target_count, 12);
  for (int i = 0; i < 24; i++) assert_true(fabsf(train.targets[i] - (float)bytes[i] / 255) < 1e-6f);
  fill(data, 1);
  holds(0, 0, train.targets[12]);
  ln_data_close(data);
  close_model(NULL);
  build(dims, 3, (const char *const[]){"Flatten", "Dense name=out units=4", NULL});
  refuses_training(path, path, "pictures.npy: ", "the output holds 4 numbers");
}

static void takes_labels_of_an_archive(void **state) {
  (void)state;
  build_dense(3, 4);
  uint8_t x[300], y[300];
  float numbers[6] = {1, 2, 3, 4, 5, 6};
  const int16_t labels[2] = {3, 1};
  static archive both, keras, alone;
  const size_t size_x = make_npy(x, "<f4", "2, 3", numbers, 24), size_y = make_npy(y, "<i2", "2,", labels, 4);
  add_file(&both, "y.npy", y, size_y), add_file(&both, "arr.npy", x, size_x);
  add_file(&keras, "x_test.npy", y, size_y), add_file(&keras, "x_train.npy", x, size_x);
  add_file(&keras, "y_test.npy", y, size_y), add_file(&keras, "y_train.npy", y, size_y);
  add_file(&alone, "x.npy", x, size_x);
  ln_train_data train;
  ln_data *data = open_training(write_archive(&both, "both.npz"), NULL, &train);
  has_labels(&train, 2, (const int32_t[]){3, 1});
  fill(data, 1);
  holds(0, 2, 6);
  ln_data_close(data);
  data = open_training(write_archive(&keras, "keras.npz"), NULL, &train);
  has_labels(&train, 2, (const int32_t[]){3, 1});
  ln_data_close(data);
  refuses_training(write_archive(&alone, "alone.npz"), NULL, "alone.npz: ", "give labels");
}

static void takes_weights(void **state) {
  (void)state;
  build_dense(3, 4);
  write_samples();
  const float weights[6] = {1, 2, 0, 0.5f, 1, 1};
  char labels[200], path[200];
  strcpy(labels, write_file("y.txt", "0\n3\n1\n2\n0\n1\n", 12));
  strcpy(path, write_npy("w.npy", "<f4", "6,", weights, sizeof weights));
  ln_data_options options = training(labels);
  options.weights = path;
  ln_data *data = open_data(samples, &options);
  ln_train_data train;
  assert_int_equal(ln_data_train(data, &err, &train), LN_OK);
  assert_true(train.weights[3] == 0.5f);
  ln_data_close(data);
  const float minus[6] = {1, 2, -1, 0, 0, 0};
  strcpy(path, write_npy("w.npy", "<f4", "6,", minus, sizeof minus));
  assert_int_equal(ln_data_open(samples, model, &options, &err, &data), LN_ERR_DATA);
  assert_non_null(strstr(err.message, "w.npy: the weight of sample 2 is -1"));
  strcpy(path, write_npy("w.npy", "<f4", "5,", weights, 20));
  assert_int_equal(ln_data_open(samples, model, &options, &err, &data), LN_ERR_SHAPE);
}

static void names_bad_labels(void **state) {
  (void)state;
  build_dense(3, 4);
  write_samples();
  const float bad[8] = {0, 3, NAN, 0.5f, 0, 1, -1, 4}, half[6] = {0, 1, 0.5f}, many[18] = {0};
  refuses_training(samples, write_npy("nan.npy", "<f4", "6,", bad, 24), "nan.npy: the label of sample 2 is nan", "");
  refuses_training(samples, write_npy("half.npy", "<f4", "6,", half, 24), "half.npy: the label of sample 2 is 0.5",
                   "whole numbers");
  refuses_training(samples, write_npy("few.npy", "<f4", "5,", bad, 20), "few.npy: 5 labels for the 6 samples", "x.npy");
  refuses_training(samples, write_npy("odd.npy", "<f4", "6, 3", many, 72), "odd.npy: 3 numbers a sample",
                   "output of 4");
  refuses_training(samples, write_npy("none.npy", "<f4", "6, 0", bad, 0), "none.npy: ", "empty");
  refuses_training(samples, write_npy("text.npy", "|S2", "6,", "a\0b\0c\0d\0e\0f\0", 12), "text.npy: ", "string");
  refuses_training(samples, NULL, "x.npy: ", "give labels");
  const int8_t signs[6] = {0, 1, 2, -3, 0, 0};
  refuses_training(samples, write_npy("minus.npy", "|i1", "6,", signs, 6), "minus.npy: the label of sample 3 is -3",
                   "");
  const uint8_t range[6] = {0, 1, 2, 3, 4, 0};
  refuses_training(samples, write_npy("range.npy", "|u1", "6,", range, 6), "range.npy: the label of sample 4 is 4",
                   "but the model has 4 classes");
  float values[24] = {0};
  values[9] = NAN;
  refuses_training(samples, write_npy("values.npy", "<f4", "6, 4", values, sizeof values),
                   "values.npy: target 1 of sample 2 is NaN", "");
}

/* ---- tables ---- */

static const char *write_text(const char *name, const char *text) { return write_file(name, text, strlen(text)); }

static void takes_tables(void **state) {
  (void)state;
  build_dense(3, 3);
  ln_train_data train;
  ln_data *data =
      open_training(write_text("plain.csv", "a,b,c,kind\n1,2,3,2\n-4,5.5,6e-1,0\n\n7,8,9,1\n"), NULL, &train);
  has_labels(&train, 3, (const int32_t[]){2, 0, 1});
  fill(data, 1);
  holds(0, 0, -4), holds(0, 1, 5.5f), holds(0, 2, 0.6f);
  assert_non_null(strstr(train.name(train.user, 1), "plain.csv: sample 1"));
  ln_data_close(data);
  data = open_training(write_text("named.csv", "\xef\xbb\xbf\"kind\"; a ;\"b, c\";d\r\n1;2;3;4\r\n\"0\"; \"5\" ;6;7"),
                       "kind", &train);
  has_labels(&train, 2, (const int32_t[]){1, 0});
  fill(data, 1);
  holds(0, 0, 5), holds(0, 2, 7);
  ln_data_close(data);
  data = open_data(write_text("bare.tsv", "a\tb\tc\n1\t2\t3\n"), NULL); /* nothing to learn */
  assert_null(ln_data_labelled(data));
  fill(data, 0);
  holds(0, 2, 3);
  ln_data_close(data);
}

/* Numbers come out as the C library reads them. */
static void reads_numbers(void **state) {
  (void)state;
  static const char *const numbers[] = {"0",
                                        "-0",
                                        "+1.5",
                                        ".5",
                                        "5.",
                                        "1e10",
                                        "1E-10",
                                        "3.14159265358979323846",
                                        "1234567890123456789012",
                                        "1e-45",
                                        "3.4e38",
                                        "0.000000000000000000000000000001",
                                        "16777217",
                                        "0.1",
                                        "123456.789e3",
                                        "00012",
                                        "9007199254740993"};
  build_dense(1, 2);
  for (size_t i = 0; i < LN_COUNT(numbers); i++) {
    char text[100];
    snprintf(text, sizeof text, "a,y\n%s,1\n", numbers[i]);
    ln_data *data = open_data(write_text("number.csv", text), NULL);
    fill(data, 0);
    const float found = ln_tensor_get_f32(ln_session_input(session, 0), 0), want = strtof(numbers[i], NULL);
    if (found < want || found > want) fail_msg("%s is %.9g", numbers[i], (double)found);
    ln_data_close(data);
  }
  static const char *const none[] = {"",    "-",   ".",   "1e",  "1e+", "1.2.3", "0x10",
                                     "nan", "inf", "1 2", "1,5", "one", "1e999"};
  for (size_t i = 0; i < LN_COUNT(none); i++) {
    char text[100];
    snprintf(text, sizeof text, "a,y\n\"%s\",1\n", none[i]);
    refuses_training(write_text("none.csv", text), NULL, "none.csv: line 2: column \"a\" is ", none[i]);
  }
}

static void classes_follow_names(void **state) {
  (void)state;
  build_dense(1, 4);
  ln_train_data train;
  ln_data *data = open_training(
      write_text("names.csv", "x,kind\n1,wolf\n2,\"a \"\"cat\"\"\"\n3,wolf\n4,\"dog, or\nso\"\n5,12\n"), NULL, &train);
  has_labels(&train, 5, (const int32_t[]){3, 1, 3, 2, 0});
  assert_string_equal(ln_data_class(data, 0), "12");
  assert_string_equal(ln_data_class(data, 1), "a \"cat\"");
  assert_string_equal(ln_data_class(data, 2), "dog, or\nso");
  assert_string_equal(ln_data_class(data, 3), "wolf");
  assert_null(ln_data_class(data, 4));
  assert_int_equal(ln_data_class_count(data), 4);
  /* Validation data have the same classes, though they hold fewer. */
  ln_data_options options = training(NULL);
  options.classes = data;
  ln_data *validation = open_data(write_text("few.csv", "x,kind\n1,wolf\n2,12\n"), &options);
  assert_int_equal(ln_data_labelled(validation)->labels[0], 3);
  assert_int_equal(ln_data_labelled(validation)->labels[1], 0);
  ln_data_close(validation);
  assert_int_equal(ln_data_open(write_text("new.csv", "x,kind\n1,wolf\n2,fox\n"), model, &options, &err, &validation),
                   LN_ERR_DATA);
  assert_non_null(strstr(err.message, "new.csv: class \"fox\" is none of the 4"));
  ln_data_close(data);
  refuses_training(write_text("many.csv", "x,kind\n1,a\n1,b\n1,c\n1,d\n1,e\n"), NULL,
                   "many.csv: column \"kind\" holds 5", "4 classes");
}

static void takes_values_of_tables(void **state) {
  (void)state;
  build_dense(2, 1);
  ln_train_data train;
  ln_data *data = open_training(write_text("prices.csv", "rooms,size,price\n3,70,1000\n2,50.5,800.5\n"), NULL, &train);
  assert_null(train.labels);
  assert_true(train.target_count == 1 && train.targets[0] == 1000 && train.targets[1] == 800.5f);
  ln_data_close(data);
}

/* Bytes in a table are pixels where the model takes a picture. */
static void takes_pictures_of_tables(void **state) {
  (void)state;
  const int32_t dims[3] = {2, 2, 1};
  build(dims, 3, (const char *const[]){"Flatten", "Dense name=out units=3", NULL});
  ln_train_data train;
  ln_data *data =
      open_training(write_text("digits.csv", "label,p0,p1,p2,p3\n2,0,51,255,1\n0,3,4,5,6\n"), "label", &train);
  has_labels(&train, 2, (const int32_t[]){2, 0});
  fill(data, 0);
  holds(0, 1, 0.2f), holds(0, 2, 1);
  assert_non_null(strstr(ln_data_note(data, 0), "divided by 255"));
  ln_data_close(data);
  data = open_training(write_text("shares.csv", "label,p0,p1,p2,p3\n2,0,0.5,1,1\n0,3,4,5,6\n"), "label", &train);
  fill(data, 0);
  holds(0, 1, 0.5f), holds(0, 2, 1);
  ln_data_close(data);
}

/* Inputs of one number each take the columns of their names, in any order. */
static void takes_columns_by_name(void **state) {
  (void)state;
  ln_builder *builder;
  const int32_t one = 1;
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  options.batch = 1;
  assert_int_equal(ln_builder_create(&options, &err, &builder), LN_OK);
  assert_int_equal(ln_builder_input(builder, "user", LN_FLOAT32, 1, &one, &err), LN_OK);
  assert_int_equal(ln_builder_input(builder, "item", LN_FLOAT32, 1, &one, &err), LN_OK);
  assert_int_equal(ln_builder_add(builder, "Concatenate from=user,item", &err), LN_OK);
  assert_int_equal(ln_builder_add(builder, "Dense units=1", &err), LN_OK);
  assert_int_equal(ln_builder_make(builder, &err, &model), LN_OK);
  ln_builder_destroy(builder);
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  ln_train_data train;
  const char *texts[2] = {"item,rating,user\n7,4.5,3\n8,1,2\n", "a,rating,b\n3,4.5,7\n2,1,8\n"};
  for (int i = 0; i < 2; i++) {
    ln_data *data = open_training(write_text("ratings.csv", texts[i]), "rating", &train);
    assert_true(train.targets[0] == 4.5f);
    fill(data, 1);
    for (int32_t k = 0; k < 2; k++) {
      const bool user = strstr(ln_tensor_name(ln_session_input(session, k)), "user") != NULL;
      holds(k, 0, (i == 0 ? user : k == 0) ? 2 : 8);
    }
    ln_data_close(data);
  }
}

static void names_bad_tables(void **state) {
  (void)state;
  build_dense(2, 3);
  refuses_training(write_text("t.csv", "a,b,y\n1,2,0\n3,,1\n"), NULL, "t.csv: line 3: column \"b\" is empty", "");
  refuses_training(write_text("t.csv", "a,b,y\n1,2,0\n3,4\n"), NULL, "t.csv: line 3 has 2 fields, the first line 3",
                   "");
  refuses_training(write_text("t.csv", "a,b,y\n1,2,0\n\n3,x y,1\n"), NULL, "t.csv: line 4: column \"b\" is \"x y\"",
                   "");
  refuses_training(write_text("t.csv", "a,b,y\n\"1\n\n\",2,0\n"), NULL, "t.csv: line 2: column \"a\"", "no number");
  refuses_training(write_text("t.csv", "a,b,y\n1,2,5\n"), NULL, "t.csv: column \"y\": the label of sample 0 is 5",
                   "3 classes");
  refuses_training(write_text("t.csv", "a,b,y\n1,2,0.5\n"), NULL, "t.csv: column \"y\": the label of sample 0 is 0.5",
                   "");
  refuses_training(write_text("t.csv", "a,b,y\n1,2,\n"), NULL, "t.csv: line 2: column \"y\" is empty", "");
  refuses_training(write_text("t.csv", "a,b,y\n"), NULL, "t.csv: ", "no samples");
  refuses_training(write_text("t.csv", "1,2,0\n3,4,1\n"), NULL, "t.csv: ", "first line holds numbers");
  refuses_training(write_text("t.csv", "a,b,c,d,y\n1,2,3,4,0\n"), NULL, "inputs take 2 numbers",
                   "the table has 5 columns");
  refuses_training(write_text("t.csv", "a,b,c,y\n1,2,3,0\n"), "y", "the table has 4 columns, among them the label y",
                   "");
  refuses_training(write_text("t.csv", "a,b,y\n1,2,0\n"), "kind", "t.csv: there is no column \"kind\"", "");
  refuses_training(write_text("t.csv", "a,\"b,y\n1,2,0\n"), NULL, "t.csv: line 1: a quotation mark is not closed", "");
  refuses_training(write_text("t.csv", "a,b,y\n1,\"2\"2,0\n"), NULL, "t.csv: line 2: text behind a quotation mark", "");
  refuses_training(write_text("t.csv", "\n \n"), NULL, "t.csv: ", "no line of names");
  refuses_training(write_text("t.csv", ""), NULL, "t.csv: ", "empty");
}

/* ---- folders ---- */

static void names_bad_folders(void **state) {
  (void)state;
  open_model(FASHION, NULL);
  mkdir(path_of("zoo"), 0777), mkdir(path_of("zoo/a"), 0777), mkdir(path_of("zoo/b"), 0777),
      mkdir(path_of("zoo/c"), 0777);
  copy_file(PICTURES "/bag.bmp", "zoo/a/1.bmp");
  copy_file(PICTURES "/bag.bmp", "zoo/c/1.bmp");
  refuses_training(path_of("zoo"), NULL, "zoo: folder \"b\" holds no picture", "class without samples");
  write_file("zoo/b/broken.bmp", "BM, but no more than a line of text", 30);
  ln_train_data train;
  ln_data *data = open_training(path_of("zoo"), NULL, &train);
  has_labels(&train, 3, (const int32_t[]){0, 1, 2});
  assert_string_equal(ln_data_class(data, 1), "b");
  assert_non_null(strstr(train.name(train.user, 2), "zoo/c/1.bmp"));
  assert_int_not_equal(train.samples->fill(train.samples->user, 1, session, &err), LN_OK);
  assert_non_null(strstr(err.message, "zoo/b/broken.bmp: "));
  ln_data_close(data);
}

/* ---- a part that validates ---- */

enum { MANY = 1000, CLASSES = 4 };

/* Many samples, each holding its own number; a tenth of them, and one alone, of the rarer classes. */
static ln_data *open_many(void) {
  static float numbers[MANY];
  static int32_t labels[MANY];
  for (int i = 0; i < MANY; i++) numbers[i] = (float)i, labels[i] = i == 77 ? 3 : i % 10 == 0 ? 2 : i % 2;
  char x[200], y[200];
  strcpy(x, write_npy("many.npy", "<f4", "1000, 1", numbers, sizeof numbers));
  strcpy(y, write_npy("many_y.npy", "<i4", "1000,", labels, sizeof labels));
  const ln_data_options options = training(y);
  return open_data(x, &options);
}

static float number_of(const ln_train_data *part, int64_t index) {
  if (part->samples->fill(part->samples->user, index, session, &err) != LN_OK) fail_msg("%s", err.message);
  return ln_tensor_get_f32(ln_session_input(session, 0), 0);
}

static void splits_evenly(void **state) {
  (void)state;
  build_dense(1, CLASSES);
  ln_data *data = open_many();
  ln_train_data parts[2], again[2], other[2];
  assert_int_equal(ln_data_split(data, 0.2, 1, &err, &parts[0], &parts[1]), LN_OK);
  assert_int_equal(ln_data_split(data, 0.2, 1, &err, &again[0], &again[1]), LN_OK);
  assert_int_equal(ln_data_split(data, 0.2, 2, &err, &other[0], &other[1]), LN_OK);
  assert_int_equal(parts[1].samples->count, 200);
  assert_int_equal(parts[0].samples->count, 800);
  int seen[MANY] = {0}, counts[CLASSES] = {0}, same = 0;
  for (int k = 0; k < 2; k++) {
    for (int64_t i = 0; i < parts[k].samples->count; i++) {
      const int number = (int)number_of(&parts[k], i);
      seen[number]++;
      counts[parts[k].labels[i]] += k;
      assert_int_equal(parts[k].labels[i], number == 77 ? 3 : number % 10 == 0 ? 2 : number % 2);
      assert_true(number_of(&again[k], i) == (float)number);
      same += k == 1 && number_of(&other[k], i) == (float)number;
    }
  }
  for (int i = 0; i < MANY; i++) assert_int_equal(seen[i], 1);
  assert_in_range(counts[0], 79, 81), assert_in_range(counts[1], 99, 101), assert_in_range(counts[2], 19, 21);
  assert_int_equal(counts[3], 0); /* one alone trains */
  assert_true(same < 40);
  char name[20];
  snprintf(name, sizeof name, "sample %d", (int)number_of(&parts[1], 5));
  assert_non_null(strstr(parts[1].name(parts[1].user, 5), name));
  ln_session *none = session;
  assert_int_equal(parts[1].samples->fill(parts[1].samples->user, 200, none, &err), LN_ERR_ARGUMENT);
  assert_int_equal(ln_data_split(data, 0, 1, &err, &parts[0], &parts[1]), LN_ERR_ARGUMENT);
  assert_int_equal(ln_data_split(data, 0.0001, 1, &err, &parts[0], &parts[1]), LN_ERR_DATA);
  ln_data_close(data);
}

static void splits_values_and_weights(void **state) {
  (void)state;
  build_dense(3, 2);
  write_samples();
  float values[12], weights[6];
  for (int i = 0; i < 12; i++) values[i] = (float)i / 2 + 0.25f;
  for (int i = 0; i < 6; i++) weights[i] = (float)i;
  char y[200], w[200];
  strcpy(y, write_npy("y.npy", "<f4", "6, 2", values, sizeof values));
  strcpy(w, write_npy("w.npy", "<f4", "6,", weights, sizeof weights));
  ln_data_options options = training(y);
  options.weights = w;
  ln_data *data = open_data(samples, &options);
  ln_train_data parts[2];
  assert_int_equal(ln_data_split(data, 0.5, 3, &err, &parts[0], &parts[1]), LN_OK);
  for (int k = 0; k < 2; k++) {
    assert_int_equal(parts[k].samples->count, 3);
    for (int64_t i = 0; i < 3; i++) {
      const int number = (int)number_of(&parts[k], i) / 3;
      assert_true(parts[k].weights[i] == (float)number);
      assert_true(parts[k].targets[2 * i + 1] == values[2 * number + 1]);
    }
  }
  ln_data_close(data);
}

/* ---- short memory, cut files ---- */

static void survives_short_memory(void **state) {
  (void)state;
  build_dense(2, 3);
  char path[200];
  strcpy(path, write_text("names.csv", "a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,z\n"));
  const ln_data_options options = training(NULL);
  for (long n = 1;; n++) {
    ln_data *data = NULL;
    ln_train_data parts[2];
    ln_alloc_fail_after(n);
    ln_status status = ln_data_open(path, model, &options, &err, &data);
    if (status == LN_OK) status = ln_data_split(data, 0.5, 1, &err, &parts[0], &parts[1]);
    ln_data_close(data);
    const bool all = ln_alloc_fail_pending() > 0;
    ln_alloc_fail_after(0);
    if (all) break;
    assert_int_equal(status, LN_ERR_MEMORY);
    assert_true(n < 1000);
  }
}

static void survives_cut_tables(void **state) {
  (void)state;
  build_dense(2, 3);
  static const char text[] = "a,\"b\",kind\n1,2,\"x\"\"\"\n3,4,y\n";
  const ln_data_options options = training(NULL);
  for (size_t cut = 0; cut < sizeof text; cut++) {
    ln_data *data = NULL;
    const ln_status status = ln_data_open(write_file("cut.csv", text, cut), model, &options, &err, &data);
    assert_true((status == LN_OK) == (data != NULL));
    ln_data_close(data);
  }
}

#define TEST(name) cmocka_unit_test_teardown(name, close_model)

int main(void) {
  if (!make_folder()) return 1;
  const struct CMUnitTest tests[] = {
      TEST(takes_classes),
      TEST(notes_classes_without_samples),
      TEST(takes_values),
      TEST(takes_one_in_many_as_classes_too),
      TEST(takes_ones_of_positions_as_values),
      TEST(takes_one_output),
      TEST(takes_classes_of_positions),
      TEST(takes_inputs_as_values),
      TEST(takes_labels_of_an_archive),
      TEST(takes_weights),
      TEST(names_bad_labels),
      TEST(takes_tables),
      TEST(reads_numbers),
      TEST(classes_follow_names),
      TEST(takes_values_of_tables),
      TEST(takes_pictures_of_tables),
      TEST(takes_columns_by_name),
      TEST(names_bad_tables),
      TEST(names_bad_folders),
      TEST(splits_evenly),
      TEST(splits_values_and_weights),
      TEST(survives_short_memory),
      TEST(survives_cut_tables),
  };
  return remove_folder(cmocka_run_group_tests(tests, NULL, NULL));
}
