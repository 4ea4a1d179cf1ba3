/* Takes inputs and layers: finds their kinds, checks what is said of them, and names them. */
#include "maker/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ln_layer_def layer_defs[] = {
#define LN_LAYER(name, stem, list, least, most, what) \
  {#name, #stem, what, least, most, ln_layer_parameters_##list, ln_layer_##stem},
#include "maker/layers.def"
};

const ln_parameter ln_layer_parameters_none[] = {LN_P_END};

int32_t ln_builder_kind_count(void) { return (int32_t)LN_COUNT(layer_defs); }

ln_status ln_builder_kind_get(int32_t index, ln_builder_kind *out) {
  if (index < 0 || index >= ln_builder_kind_count()) return LN_ERR_ARGUMENT;
  const ln_layer_def *def = &layer_defs[index];
  const ln_builder_kind kind = {sizeof kind, def->name, def->stem, def->what, def->least, def->most, def->parameters};
  return ln_struct_give(out, &kind, sizeof kind);
}

static const ln_layer_def *find_kind(const char *name) {
  for (size_t i = 0; i < LN_COUNT(layer_defs); ++i) {
    if (strcmp(layer_defs[i].name, name) == 0 || strcmp(layer_defs[i].stem, name) == 0) return &layer_defs[i];
  }
  return NULL;
}

/* ---- a builder ---- */

static ln_status no_memory(ln_builder *b) {
  return b->status = ln_fail(b->err, LN_ERR_MEMORY, "out of memory while a model is built");
}

/* Every call begins so: what failed before ends the building. */
static ln_status begin(ln_builder *b, ln_error *err) {
  if (b == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  if (b->status != LN_OK) return ln_fail(err, LN_ERR_STATE, "an earlier call on this builder failed");
  b->err = err;
  return LN_OK;
}

#define FAIL(b, status_, ...) ((b)->status = ln_fail((b)->err, status_, __VA_ARGS__))

/* The first input is what a backbone gives. */
static ln_status take_features(ln_builder **b, const ln_model *backbone, ln_error *err) {
  const ln_graph *graph = &backbone->graphs[backbone->signature_count > 0 ? backbone->signatures[0].graph : 0];
  const ln_tensor *features = graph->output_count > 0 ? &graph->tensors[graph->outputs[0]] : NULL;
  ln_status status = ln_fail(err, LN_ERR_SHAPE, "the backbone gives no samples of features");
  if (features != NULL && features->shape.rank > 0) {
    status = ln_builder_input(*b, "features", features->type, features->shape.rank - 1, features->shape.dims + 1, err);
  }
  if (status == LN_OK) return LN_OK;
  ln_builder_destroy(*b);
  *b = NULL;
  return status;
}

ln_status ln_builder_create(const ln_builder_options *options, ln_error *err, ln_builder **out) {
  ln_builder_options given = LN_BUILDER_OPTIONS_INIT;
  if (out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = NULL;
  if (options != NULL) memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
  if (given.batch < 0) return ln_fail(err, LN_ERR_ARGUMENT, "batch: 0 or more is wanted");
  ln_builder *b = ln_alloc_zero(sizeof *b);
  ln_model *model = ln_model_create();
  ln_graph *graph = model == NULL ? NULL : ln_arena_alloc(&model->arena, sizeof *graph);
  if (b == NULL || graph == NULL) {
    ln_free(b);
    ln_model_destroy(model);
    return ln_fail(err, LN_ERR_MEMORY, "out of memory while a model is built");
  }
  graph->name = "main";
  graph->debug_metadata_index = -1;
  model->version = 3;
  model->description = "Built by Linnet.";
  model->graphs = graph;
  model->graph_count = 1;
  b->model = model;
  b->seed = given.seed;
  b->batch = given.batch;
  b->unfolded = given.unfolded;
  b->weight_limit = LN_WEIGHTS_MOST;
  if (given.weight_limit > 0 && given.weight_limit < LN_WEIGHTS_MOST) b->weight_limit = given.weight_limit;
  *out = b;
  return given.backbone == NULL ? LN_OK : take_features(out, given.backbone, err);
}

void ln_builder_destroy(ln_builder *builder) {
  if (builder == NULL) return;
  ln_model_destroy(builder->model);
  ln_free(builder);
}

/* ---- names ---- */

static const ln_made *find(const ln_builder *b, const char *name) {
  for (const ln_made *made = b->first; made != NULL; made = made->next) {
    if (strcmp(made->name, name) == 0) return made;
  }
  return NULL;
}

const char *ln_builder_last(const ln_builder *builder) {
  return builder == NULL || builder->last == NULL ? NULL : builder->last->name;
}

bool ln_builder_has(const ln_builder *builder, const char *name) {
  return builder != NULL && name != NULL && find(builder, name) != NULL;
}

static bool good_name(const char *name) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";
  const size_t length = strlen(name);
  return length > 0 && length <= 200 && strspn(name, letters) == length && name[0] != '/';
}

/* `given`, or a name after the kind that is not taken yet. */
static ln_status choose_name(ln_builder *b, const char *given, const char *stem, const char **out) {
  const size_t length = given == NULL ? 0 : strlen(given);
  if (length > 0 && !good_name(given)) {
    return FAIL(b, LN_ERR_ARGUMENT, "name: letters, digits and _ . - / make a name, not \"%.60s\"", given);
  }
  if (length > 0 && given[length - 1] != '/') {
    if (find(b, given) != NULL) return FAIL(b, LN_ERR_ARGUMENT, "name: there is a layer \"%.60s\" already", given);
    *out = ln_arena_strdup(&b->model->arena, given);
    return *out == NULL ? no_memory(b) : LN_OK;
  }
  for (int32_t number = 0;; ++number) {
    char text[300];
    snprintf(text, sizeof text, number == 0 ? "%s%s" : "%s%s_%d", length > 0 ? given : "", stem, (int)number);
    if (find(b, text) != NULL) continue;
    *out = ln_arena_strdup(&b->model->arena, text);
    return *out == NULL ? no_memory(b) : LN_OK;
  }
}

static ln_status add_made(ln_builder *b, const char *name, const char *stem, ln_made **out) {
  if (b->made_count >= LN_LAYERS_MOST) {
    return FAIL(b, LN_ERR_UNSUPPORTED, "a model has %d layers at most", (int)LN_LAYERS_MOST);
  }
  ln_made *made = ln_arena_alloc(&b->model->arena, sizeof *made);
  if (made == NULL) return no_memory(b);
  LN_TRY(choose_name(b, name, stem, &made->name));
  made->output = made->scale = made->shift = made->scaled = -1;
  *out = made;
  return LN_OK;
}

static void keep(ln_builder *b, ln_made *made) {
  if (b->last != NULL) b->last->next = made;
  else b->first = made;
  b->last = made;
  ++b->made_count;
}

/* ---- inputs and outputs ---- */

ln_status ln_builder_input(ln_builder *builder, const char *name, ln_type type, int32_t rank, const int32_t *dims,
                           ln_error *err) {
  LN_TRY(begin(builder, err));
  ln_builder *b = builder;
  ln_shape shape = {.rank = rank + 1};
  size_t bytes;
  ln_made *made;
  if (rank < 0 || rank >= LN_MAX_RANK || (rank > 0 && dims == NULL)) {
    return FAIL(b, LN_ERR_ARGUMENT, "shape: %d dimensions at most, without the batch", LN_MAX_RANK - 1);
  }
  if (type != LN_FLOAT32 && type != LN_INT32 && type != LN_INT64) {
    return FAIL(b, LN_ERR_ARGUMENT, "type: float32, int32 or int64 is wanted");
  }
  shape.dims[0] = b->batch > 0 ? b->batch : 1;
  for (int32_t i = 0; i < rank; ++i) {
    shape.dims[i + 1] = dims[i];
    if (dims[i] < 1) return FAIL(b, LN_ERR_ARGUMENT, "shape: dimensions are 1 or more, not %d", (int)dims[i]);
  }
  if (!ln_tensor_size(type, &shape, &bytes)) return FAIL(b, LN_ERR_SHAPE, "shape: too large");
  LN_TRY(add_made(b, name, "input", &made));
  ln_graph *graph = &b->model->graphs[0];
  ln_tensor tensor = {.name = made->name, .type = type, .shape = shape, .signature = shape, .has_rank = true};
  tensor.quant = &ln_quant_none;
  made->output = ln_graph_add_tensor(graph, &b->model->arena, &tensor);
  int32_t *inputs = ln_arena_array(&b->model->arena, (size_t)graph->input_count + 1, sizeof *inputs);
  if (made->output < 0 || inputs == NULL) return no_memory(b);
  for (int32_t i = 0; i < graph->input_count; ++i) inputs[i] = graph->inputs[i];
  inputs[graph->input_count++] = made->output;
  graph->inputs = inputs;
  keep(b, made);
  return LN_OK;
}

ln_status ln_builder_output(ln_builder *builder, const char *layer, ln_error *err) {
  LN_TRY(begin(builder, err));
  ln_builder *b = builder;
  const ln_made *made = layer == NULL ? NULL : find(b, layer);
  if (made == NULL) return FAIL(b, LN_ERR_NOT_FOUND, "there is no layer \"%.60s\"", layer == NULL ? "" : layer);
  for (int32_t i = 0; i < b->output_count; ++i) {
    if (b->outputs[i] == made->output) return FAIL(b, LN_ERR_ARGUMENT, "\"%.60s\" is an output already", layer);
  }
  ln_arena *arena = &b->model->arena;
  int32_t *outputs = ln_arena_array(arena, (size_t)b->output_count + 1, sizeof *outputs);
  const char **names = ln_arena_array(arena, (size_t)b->output_count + 1, sizeof *names);
  if (outputs == NULL || names == NULL) return no_memory(b);
  for (int32_t i = 0; i < b->output_count; ++i) {
    outputs[i] = b->outputs[i];
    names[i] = b->output_names[i];
  }
  outputs[b->output_count] = made->output;
  names[b->output_count++] = made->name;
  b->outputs = outputs;
  b->output_names = names;
  return LN_OK;
}

/* ---- layers ---- */

static const ln_parameter *find_parameter(const ln_layer_def *def, const char *name) {
  for (const ln_parameter *p = def->parameters; p->name != NULL; ++p) {
    if (strcmp(p->name, name) == 0) return p;
  }
  return NULL;
}

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), size = strlen(end);
  return length >= size && strcmp(text + length - size, end) == 0;
}

static ln_status check_setting(ln_builder *b, const ln_layer_def *def, const ln_layer_setting *s) {
  if (s->name == NULL || s->value == NULL) return FAIL(b, LN_ERR_ARGUMENT, "an argument is missing");
  const ln_parameter *p = find_parameter(def, s->name);
  if (p == NULL) return FAIL(b, LN_ERR_NOT_FOUND, "%.60s: %s has no such parameter", s->name, def->name);
  b->status = ln_parameter_check(p, s->value, b->err);
  if (b->status != LN_OK) return b->status;
  if (ends_with(p->name, "activation") && !ln_activation_known(s->value)) {
    return FAIL(b, LN_ERR_ARGUMENT, "%s: there is no activation \"%.60s\"", p->name, s->value);
  }
  if (ends_with(p->name, "initializer") && !ln_initializer_known(s->value)) {
    return FAIL(b, LN_ERR_ARGUMENT, "%s: there is no initializer \"%.60s\"", p->name, s->value);
  }
  return LN_OK;
}

static ln_status check_settings(ln_builder *b, const ln_layer_def *def, const ln_layer_setting *settings,
                                int32_t count) {
  for (int32_t i = 0; i < count; ++i) LN_TRY(check_setting(b, def, &settings[i]));
  for (const ln_parameter *p = def->parameters; p->name != NULL; ++p) {
    bool said = p->fallback != NULL;
    for (int32_t i = 0; i < count && !said; ++i) said = strcmp(settings[i].name, p->name) == 0;
    if (!said) return FAIL(b, LN_ERR_ARGUMENT, "%s: is wanted: %s", p->name, p->what);
  }
  return LN_OK;
}

static ln_status find_inputs(ln_builder *b, const ln_layer_def *def, const char *const *from, int32_t count,
                             int32_t *inputs) {
  for (int32_t i = 0; i < count; ++i) {
    const ln_made *made = count == 1 && from == NULL ? b->last : from[i] == NULL ? NULL : find(b, from[i]);
    if (made == NULL && from == NULL) return FAIL(b, LN_ERR_STATE, "there is no input yet");
    if (made == NULL) {
      return FAIL(b, LN_ERR_NOT_FOUND, "from: there is no layer \"%.60s\" before it", from[i] == NULL ? "" : from[i]);
    }
    inputs[i] = made->output;
  }
  if (count < def->least) return FAIL(b, LN_ERR_ARGUMENT, "from: %s takes %d layers", def->name, (int)def->least);
  if (def->most > 0 && count > def->most) {
    return FAIL(b, LN_ERR_ARGUMENT, "from: %s takes %d layer%s%s", def->name, (int)def->most, def->most > 1 ? "s" : "",
                def->least < def->most ? " at most" : "");
  }
  return LN_OK;
}

ln_status ln_builder_layer(ln_builder *builder, const char *kind, const char *name, const char *const *from,
                           int32_t from_count, const ln_layer_setting *settings, int32_t setting_count, ln_error *err) {
  LN_TRY(begin(builder, err));
  ln_builder *b = builder;
  const ln_layer_def *def = kind == NULL ? NULL : find_kind(kind);
  if (def == NULL) return FAIL(b, LN_ERR_NOT_FOUND, "there is no layer \"%.60s\"", kind == NULL ? "" : kind);
  LN_TRY(check_settings(b, def, settings, setting_count));
  const int32_t count = from_count > 0 ? from_count : 1;
  int32_t *inputs = ln_arena_array(&b->model->arena, (size_t)count, sizeof *inputs);
  if (inputs == NULL) return no_memory(b);
  LN_TRY(find_inputs(b, def, from_count > 0 ? from : NULL, count, inputs));
  ln_made *made;
  LN_TRY(add_made(b, name, def->stem, &made));
  made->def = def;
  ln_call call = {b, made, inputs, count, settings, setting_count, 0};
  made->output = def->make(&call);
  if (b->status != LN_OK) return b->status;
  if (made->output < 0) return no_memory(b);
  bool passed_on = false; /* the input itself keeps its name */
  for (int32_t i = 0; i < count; ++i) passed_on = passed_on || made->output == inputs[i];
  if (!passed_on) b->model->graphs[0].tensors[made->output].name = made->name;
  keep(b, made);
  return LN_OK;
}

/* ---- a layer as text ---- */

enum { WORDS = 40 };

static ln_status add_words(ln_builder *b, char *const *words, int32_t count, ln_error *err) {
  ln_layer_setting settings[WORDS];
  const char *from[WORDS];
  const char *name = NULL;
  int32_t setting_count = 0, from_count = 0;
  for (int32_t i = 1; i < count; ++i) {
    char *value = strchr(words[i], '=');
    if (value == NULL) return FAIL(b, LN_ERR_ARGUMENT, "\"%.60s\": parameter=value is wanted", words[i]);
    *value++ = '\0';
    if (strcmp(words[i], "name") == 0) {
      name = value;
    } else if (strcmp(words[i], "from") == 0) {
      for (char *at = value; at != NULL && from_count < WORDS;) {
        char *comma = strchr(at, ',');
        if (comma != NULL) *comma++ = '\0';
        from[from_count++] = at;
        at = comma;
      }
    } else {
      settings[setting_count++] = (ln_layer_setting){words[i], value};
    }
  }
  return ln_builder_layer(b, words[0], name, from, from_count, settings, setting_count, err);
}

ln_status ln_builder_add(ln_builder *builder, const char *layer, ln_error *err) {
  LN_TRY(begin(builder, err));
  ln_builder *b = builder;
  char *words[WORDS];
  int32_t count = 0;
  char *text = layer == NULL ? NULL : ln_strdup(layer);
  if (text == NULL) return layer == NULL ? FAIL(b, LN_ERR_ARGUMENT, "an argument is missing") : no_memory(b);
  for (char *at = text; *at != '\0';) {
    at += strspn(at, " ");
    if (*at == '\0') break;
    if (count == WORDS) break;
    words[count++] = at;
    at += strcspn(at, " ");
    if (*at != '\0') *at++ = '\0';
  }
  ln_status status = LN_OK;
  if (count == 0 || count == WORDS) status = FAIL(b, LN_ERR_ARGUMENT, "a layer and its parameters are wanted");
  else status = add_words(b, words, count, err);
  ln_free(text);
  return status;
}

ln_status ln_builder_make(ln_builder *builder, ln_error *err, ln_model **out) {
  if (out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = NULL;
  LN_TRY(begin(builder, err));
  builder->status = LN_ERR_STATE; /* made once */
  return ln_builder_finish(builder, err, out);
}

/* ---- what was said of a layer ---- */

const char *ln_call_text(const ln_call *call, const char *parameter) {
  const char *value = find_parameter(call->made->def, parameter)->fallback;
  for (int32_t i = 0; i < call->setting_count; ++i) {
    if (strcmp(call->settings[i].name, parameter) == 0) value = call->settings[i].value;
  }
  return value;
}

double ln_call_number(const ln_call *call, const char *parameter) {
  return strtod(ln_call_text(call, parameter), NULL);
}
int32_t ln_call_int(const ln_call *call, const char *parameter) { return (int32_t)ln_call_number(call, parameter); }
bool ln_call_flag(const ln_call *call, const char *parameter) {
  return strcmp(ln_call_text(call, parameter), "true") == 0;
}

int32_t ln_call_ints(ln_call *call, const char *parameter, int32_t *out, int32_t capacity) {
  const char *text = ln_call_text(call, parameter);
  int32_t count = 0;
  for (const char *at = text; *at != '\0';) {
    char *end;
    const long value = strtol(at, &end, 10);
    if (end == at || value < -1 || value > 1 << 24) {
      return ln_call_fail(call, parameter, "whole numbers are wanted, not \"%.60s\"", text);
    }
    if (count == capacity) return ln_call_fail(call, parameter, "%d numbers at most", (int)capacity);
    out[count++] = (int32_t)value;
    at = end + ((*end == ',' || *end == 'x') && end[1] != '\0');
    if (at == end && *end != '\0') {
      return ln_call_fail(call, parameter, "whole numbers are wanted, not \"%.60s\"", text);
    }
  }
  return count;
}

bool ln_call_pair(ln_call *call, const char *parameter, int32_t least, int32_t out[2]) {
  const int32_t count = ln_call_ints(call, parameter, out, 2);
  if (count < 0) return false;
  if (count == 1) out[1] = out[0];
  if (count >= 1 && out[0] >= least && out[1] >= least) return true;
  ln_call_fail(call, parameter, "one or two numbers of %d or more are wanted, not \"%.60s\"", (int)least,
               ln_call_text(call, parameter));
  return false;
}

int32_t ln_call_fail(ln_call *call, const char *parameter, const char *format, ...) {
  char text[300];
  va_list list;
  if (call->builder->status != LN_OK) return -1;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  ln_error *err = call->builder->err;
  call->builder->status =
      ln_fail(err, LN_ERR_ARGUMENT, "%s%s%s", parameter == NULL ? "" : parameter, parameter == NULL ? "" : ": ", text);
  return -1;
}

int32_t ln_call_no_memory(ln_call *call) {
  if (call->builder->status == LN_OK) no_memory(call->builder);
  return -1;
}

bool ln_call_failed(const ln_call *call) { return call->builder->status != LN_OK; }

bool ln_call_wants_rank(ln_call *call, int32_t index, int32_t rank) {
  const ln_shape *shape = ln_call_shape(call, call->inputs[index]);
  char text[96];
  if (shape->rank == rank) return true;
  ln_call_fail(call, NULL, "%s takes %d dimensions beside the batch, not %s", call->made->def->name, (int)rank - 1,
               ln_shape_format(shape, text, sizeof text));
  return false;
}
