/* Operators that hold graphs: branches, loops, regions. */
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

enum { MOST_OPERANDS = 256, MOST_DEPTH = 32 };

/* A graph of the node's arguments, with what it is given. */
typedef struct body {
  torch_graph *outer;
  const cJSON *graph;
  int32_t operands[MOST_OPERANDS]; /* of the outer graph */
  int32_t count;
  int32_t results;
  int32_t carried; /* of a loop: that change from step to step */
  bool test;       /* of a loop: gives whether it goes on */
} body;

static const cJSON *graph_at(const torch_node *n, int32_t place) {
  const cJSON *value = ln_torch_arg_at(n, place);
  const cJSON *graph = cJSON_GetObjectItemCaseSensitive(value, "graph");
  if (!cJSON_IsObject(graph)) ln_emit_wrong(n->e, "a graph is missing");
  return graph;
}

/* Tensors of an argument at a place, one or a list. */
static int32_t operands_at(const torch_node *n, int32_t place, int32_t capacity, int32_t *out) {
  const cJSON *value = ln_torch_arg_at(n, place);
  int32_t count = 0;
  if (value == NULL) return 0;
  if (!cJSON_IsArray(value)) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(value, "name");
    if (!cJSON_IsString(name) || capacity < 1) return ln_emit_refuse(n->e, "an operand is no tensor");
    out[0] = ln_torch_read(n->g, name->valuestring);
    return 1;
  }
  for (const cJSON *item = value->child; item != NULL; item = item->next, ++count) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
    if (name == NULL) name = cJSON_GetObjectItemCaseSensitive(item, "as_name");
    if (!cJSON_IsString(name) || count == capacity) return ln_emit_refuse(n->e, "an operand is no tensor");
    out[count] = ln_torch_read(n->g, name->valuestring);
  }
  return ln_emit_failed(n->e) ? -1 : count;
}

/* Runs a graph in `e`, with these tensors as its inputs. */
static int32_t run_graph(ln_emit *e, torch_graph *outer, const cJSON *graph, int32_t count, const int32_t *inputs,
                         int32_t capacity, int32_t *out) {
  torch_graph g = {.model = outer->model, .e = e, .json = graph, .outer = outer, .depth = outer->depth + 1};
  const cJSON *names = cJSON_GetObjectItemCaseSensitive(graph, "inputs");
  int32_t at = 0;
  if (g.depth > MOST_DEPTH) return ln_emit_refuse(e, "graphs lie %d deep in one another", MOST_DEPTH);
  for (const cJSON *item = names != NULL ? names->child : NULL; item != NULL; item = item->next, ++at) {
    const cJSON *value = item->child;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(value, "name");
    if (name == NULL) name = cJSON_GetObjectItemCaseSensitive(value, "as_name");
    if (!cJSON_IsString(name) || at >= count) return ln_emit_wrong(e, "a branch takes what it is not given");
    ln_torch_define(&g, name->valuestring, inputs[at]);
  }
  const char *origin = e->origin, *op = e->origin_op;
  const bool good = ln_torch_run(&g);
  ln_emit_at(e, origin, op);
  return good ? ln_torch_results(&g, capacity, out) : -1;
}

static bool emit_branch(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  body *b = user;
  int32_t inputs[MOST_OPERANDS];
  (void)in;
  for (int32_t i = 0; i < b->count; ++i) inputs[i] = ln_emit_capture(sub, b->outer->e, b->operands[i]);
  return run_graph(sub, b->outer, b->graph, b->count, inputs, b->results, out) == b->results;
}

int32_t ln_torch_cond(torch_node *n) {
  body then_ = {.outer = n->g, .results = n->wanted}, else_ = then_;
  const cJSON *condition = ln_torch_arg_at(n, 0);
  then_.graph = graph_at(n, 1);
  else_.graph = graph_at(n, 2);
  then_.count = else_.count = operands_at(n, 3, MOST_OPERANDS, then_.operands);
  if (ln_emit_failed(n->e)) return -1;
  memcpy(else_.operands, then_.operands, sizeof then_.operands);
  const cJSON *name = cJSON_GetObjectItemCaseSensitive(condition, "name");
  if (name == NULL) name = cJSON_GetObjectItemCaseSensitive(condition, "as_name");
  if (!cJSON_IsString(name)) return ln_emit_refuse(n->e, "its condition is no tensor");
  const int32_t test =
      ln_emit_reshape(n->e, ln_emit_cast(n->e, ln_torch_read(n->g, name->valuestring), LN_BOOL), 0, NULL);
  n->output_count = n->wanted;
  if (!ln_emit_if(n->e, test, emit_branch, &then_, emit_branch, &else_, n->wanted, n->outputs)) return -1;
  return n->outputs[0];
}

static bool emit_step(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  body *b = user;
  int32_t inputs[MOST_OPERANDS];
  for (int32_t i = 0; i < b->count; ++i) {
    inputs[i] = i < b->carried ? in[i] : ln_emit_capture(sub, b->outer->e, b->operands[i]);
  }
  const int32_t wanted = b->test ? 1 : b->carried;
  if (run_graph(sub, b->outer, b->graph, b->count, inputs, wanted, out) != wanted) return false;
  if (b->test) out[0] = ln_emit_reshape(sub, ln_emit_cast(sub, out[0], LN_BOOL), 0, NULL);
  return !ln_emit_failed(sub);
}

int32_t ln_torch_while(torch_node *n) {
  body test = {.outer = n->g, .test = true}, step;
  test.graph = graph_at(n, 0);
  test.carried = operands_at(n, 2, MOST_OPERANDS, test.operands);
  if (test.carried < 1 || ln_emit_failed(n->e)) return ln_emit_refuse(n->e, "a loop without variables");
  const int32_t more = operands_at(n, 3, MOST_OPERANDS - test.carried, test.operands + test.carried);
  if (more < 0) return -1;
  test.count = test.carried + more;
  step = test;
  step.test = false;
  step.graph = graph_at(n, 1);
  if (ln_emit_failed(n->e)) return -1;
  n->output_count = test.carried;
  if (!ln_emit_while(n->e, test.carried, test.operands, emit_step, &test, emit_step, &step, n->outputs)) return -1;
  return n->outputs[0];
}

/* A region under a setting that inference does not feel: the graph in place. Variants: where it is; operands follow. */
int32_t ln_torch_region(torch_node *n) {
  int32_t operands[MOST_OPERANDS], count = 0;
  int32_t place = n->variant;
  const cJSON *graph = graph_at(n, place);
  if (ln_emit_failed(n->e)) return -1;
  if (cJSON_IsString(ln_torch_arg_at(n, place + 1))) ++place; /* a region's name */
  for (++place; ln_torch_arg_at(n, place) != NULL && count < MOST_OPERANDS; ++place) {
    const int32_t made = operands_at(n, place, MOST_OPERANDS - count, operands + count);
    if (made < 0) return -1;
    count += made;
  }
  n->output_count = run_graph(n->e, n->g, graph, count, operands, TORCH_MOST_OUTPUTS, n->outputs);
  return n->output_count > 0 ? n->outputs[0] : -1;
}

/* The body for each part of dimension 0, one behind the other. */
int32_t ln_torch_map(torch_node *n) {
  int32_t sources[MOST_OPERANDS], inputs[MOST_OPERANDS], results[TORCH_MOST_OUTPUTS];
  int32_t *steps[TORCH_MOST_OUTPUTS];
  const cJSON *graph = graph_at(n, 0);
  const int32_t mapped = operands_at(n, 1, MOST_OPERANDS, sources);
  if (ln_emit_failed(n->e) || mapped < 1) return ln_emit_refuse(n->e, "nothing is mapped");
  const int32_t more = operands_at(n, 2, MOST_OPERANDS - mapped, sources + mapped);
  const int32_t count = ln_emit_dim(n->e, sources[0], 0);
  if (more < 0 || count < 1 || count > 1024) return ln_emit_refuse(n->e, "an open or long dimension is mapped");
  for (int32_t k = 0; k < n->wanted; ++k) {
    steps[k] = ln_arena_array(ln_emit_arena(n->e), (size_t)count, sizeof(int32_t));
    if (steps[k] == NULL) return ln_import_no_memory(n->e->import);
  }
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t k = 0; k < mapped + more; ++k)
      inputs[k] = k < mapped ? ln_emit_pick(n->e, sources[k], 0, i) : sources[k];
    const int32_t made = run_graph(n->e, n->g, graph, mapped + more, inputs, TORCH_MOST_OUTPUTS, results);
    if (made < n->wanted) return -1;
    for (int32_t k = 0; k < n->wanted; ++k) steps[k][i] = results[k];
  }
  for (int32_t k = 0; k < n->wanted; ++k) n->outputs[k] = ln_emit_pack(n->e, 0, count, steps[k]);
  n->output_count = n->wanted;
  return n->outputs[0];
}

#endif
