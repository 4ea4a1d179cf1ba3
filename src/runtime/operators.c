/*
 * Operators of the program's own in a session. The graph is shared by the sessions of a model, so a session that has an
 * operator for a node gives that node an ln_op and a row of its own, whose functions call the program's.
 */
#include <string.h>

#include "runtime/runtime.h"

struct ln_user_op {
  ln_op op; /* first: a node's `op` leads back here */
  ln_op_def row;
  const ln_custom_op *functions;
  void *state;
  bool created;
  struct ln_user_op *next;
};

static const ln_user_op *user_op_of(const ln_node *node) { return (const ln_user_op *)(const void *)node->op; }

static ln_status infer(ln_node *node, ln_error *err) {
  const ln_user_op *user = user_op_of(node);
  LN_TRY(user->functions->infer(user->state, node, err));
  for (int32_t i = 0; i < node->out_count; ++i) {
    if (!ln_shape_known(&node->out[i]->shape))
      return ln_node_fail(node, err, LN_ERR_SHAPE, "output %d was left open", i);
  }
  return LN_OK;
}

static ln_status prepare(ln_node *node, ln_prep *prep) {
  const ln_user_op *user = user_op_of(node);
  return user->functions->prepare == NULL ? LN_OK : user->functions->prepare(user->state, node, prep->err);
}

static ln_status run(const ln_node *node, ln_exec *exec) {
  const ln_user_op *user = user_op_of(node);
  return user->functions->run(user->state, node, exec->err);
}

/* The latest of a name counts. */
static const ln_custom_op *find(const ln_custom_op *const *operators, int32_t count, const char *name) {
  for (int32_t i = count - 1; i >= 0; --i) {
    if (strcmp(operators[i]->name, name) == 0) return operators[i];
  }
  return NULL;
}

ln_status ln_session_check_operators(const ln_custom_op *const *operators, int32_t count, ln_error *err) {
  if (count < 0 || (count > 0 && operators == NULL)) return ln_fail(err, LN_ERR_ARGUMENT, "no operators, but a count");
  for (int32_t i = 0; i < count; ++i) {
    const ln_custom_op *o = operators[i];
    if (o == NULL || o->size != sizeof *o || o->name == NULL || o->infer == NULL || o->run == NULL) {
      return ln_fail(err, LN_ERR_ARGUMENT, "operator %d lacks its size, name, infer or run", i);
    }
  }
  return LN_OK;
}

/* What the program's operators may compute: custom operators, composites and custom calls, by the name in the file. */
static const char *name_of(const ln_op *op) {
  switch (op->options_table) {
    case LN_TABLE_stablehlo_composite_options: return ((const ln_stablehlo_composite_options *)op->options)->name;
    case LN_TABLE_stablehlo_custom_call_options:
      return ((const ln_stablehlo_custom_call_options *)op->options)->call_target_name;
    default: return op->custom_name;
  }
}

/* A composite's attributes and a custom call's (else its configuration) are to it what options are to others. */
static void take_attributes(ln_op *op) {
  if (op->options_table == LN_TABLE_stablehlo_composite_options) {
    const ln_vec_u8 *attributes = &((const ln_stablehlo_composite_options *)op->options)->composite_attributes;
    op->custom_options = attributes->data;
    op->custom_options_size = attributes->count;
  } else if (op->options_table == LN_TABLE_stablehlo_custom_call_options) {
    const ln_stablehlo_custom_call_options *options = op->options;
    const bool text = options->custom_attributes.count == 0 && options->backend_config != NULL;
    op->custom_options = text ? (const uint8_t *)options->backend_config : options->custom_attributes.data;
    op->custom_options_size = text ? strlen(options->backend_config) : options->custom_attributes.count;
  }
}

static ln_status bind(ln_session *session, ln_node *node, const ln_custom_op *functions, ln_error *err) {
  ln_user_op *user = ln_arena_alloc(&session->memory, sizeof *user);
  if (user == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for a session");
  user->op = *node->op;
  user->op.def = &user->row;
  take_attributes(&user->op);
  /* Of an operator that runs by TensorFlow's name (read_kind) the row says nothing of the program's. */
  const char *name = node->op->custom_name;
  const bool is_other = name != NULL && strcmp(node->op->def->name, name) != 0;
  user->row = is_other ? *ln_op_find_custom(name) : *node->op->def;
  user->row.infer = infer;
  user->row.prepare = prepare;
  user->row.run = run;
  user->row.macs = ln_no_macs;
  user->row.kernel_not_yet = NULL;
  user->functions = functions;
  user->state = functions->context;
  user->next = session->user_ops;
  session->user_ops = user;
  node->op = &user->op;
  if (functions->create != NULL) LN_TRY(functions->create(functions->context, node, err, &user->state));
  user->created = true;
  return LN_OK;
}

ln_status ln_session_bind_operators(ln_session *session, const ln_custom_op *const *operators, int32_t count,
                                    ln_error *err) {
  for (int32_t i = 0; count > 0 && i < session->graph->op_count; ++i) {
    ln_node *node = &session->steps[i].node;
    const char *name = name_of(node->op);
    if (name == NULL) continue;
    const ln_custom_op *functions = find(operators, count, name);
    if (functions != NULL) LN_TRY(bind(session, node, functions, err));
  }
  return LN_OK;
}

void ln_session_destroy_operators(ln_session *session) {
  for (ln_user_op *user = session->user_ops; user != NULL; user = user->next) {
    if (user->created && user->functions->destroy != NULL) user->functions->destroy(user->state);
  }
  session->user_ops = NULL;
}
