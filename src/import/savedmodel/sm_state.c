/* Variables: constants where no wanted signature changes them, variables of the model where one does. */
#include "import/emit_private.h"
#include "import/savedmodel/savedmodel.h"

const char *ln_sm_shared_name(const ln_sm_node *node, size_t *length) {
  const char *name;
  if (ln_nodedef_string(&node->def, "shared_name", &name, length) && *length > 0) return name;
  *length = strlen(node->name);
  return node->name;
}

int32_t ln_sm_variable_of(ln_sm *sm, const char *name, size_t length) {
  for (int32_t i = 0; i < sm->variable_count; ++i) {
    if (strncmp(sm->variables[i].name, name, length) == 0 && sm->variables[i].name[length] == '\0') return i;
  }
  sm->variables = ln_sm_grow(sm, sm->variables, sm->variable_count, &sm->variable_capacity, sizeof *sm->variables);
  const char *kept = sm->variables != NULL ? ln_sm_text(sm, ln_wire_of(name, length)) : NULL;
  if (kept == NULL) return -1;
  sm->variables[sm->variable_count] = (ln_sm_variable){.name = kept, .stored = -1, .asset = -1, .number = -1};
  return sm->variable_count++;
}

/* Its value to begin with, read when it is first asked for. */
static bool has_value(ln_sm_scope *scope, ln_sm_variable *v) {
  ln_sm *sm = scope->sm;
  if (v->data != NULL) return true;
  if (v->stored >= 0) return ln_sm_load(sm, v->stored, &v->type, &v->shape, &v->data, &v->bytes);
  if (sm->trouble.status != LN_OK) ln_import_fail(sm->import, sm->trouble.status, "%s", sm->trouble.message);
  ln_emit_refuse(scope->e, "variable \"%.80s\" has no value in the checkpoint", v->name);
  return false;
}

static bool has_number(ln_sm_scope *scope, ln_sm_variable *v) {
  if (v->number >= 0) return true;
  if (!has_value(scope, v)) return false;
  v->number = ln_import_variable(scope->sm->import, v->name, v->type, v->shape.rank, v->shape.dims, v->data);
  return v->number >= 0;
}

static int32_t read_constant(ln_sm_scope *scope, ln_sm_variable *v) {
  if (v->last_e == scope->e) return v->last;
  if (!has_value(scope, v)) return -1;
  v->last = ln_emit_constant(scope->e, NULL, v->type, &v->shape, v->data, v->bytes);
  v->last_e = scope->e;
  return v->last;
}

int32_t ln_sm_read_variable(ln_sm_scope *scope, const ln_sm_value *handle) {
  ln_sm_variable *v = &scope->sm->variables[handle->index];
  if (ln_sm_failed(scope->sm)) return -1;
  if (scope->sm->setup || !v->changes) return read_constant(scope, v);
  if (ln_sm_is_tried(scope->sm, scope->e)) {
    const ln_fact fact = {.shape = {v->shape, v->shape}};
    return has_value(scope, v) ? ln_emit_tensor(scope->e, NULL, v->type, &fact) : -1;
  }
  return has_number(scope, v) ? ln_emit_read(scope->e, v->number) : -1;
}

void ln_sm_assign_variable(ln_sm_call *c, const ln_sm_value *handle, const ln_sm_value *value) {
  ln_sm *sm = ln_sm_of(c);
  if (ln_sm_failed(sm)) return;
  if (handle->kind != LN_SM_VARIABLE) {
    ln_emit_wrong(c->e, "it assigns to what is no variable");
    return;
  }
  ln_sm_variable *v = &sm->variables[handle->index];
  if (ln_sm_is_tried(sm, c->e)) return;
  if (!sm->setup) {
    if (has_number(c->scope, v)) ln_emit_assign(c->e, v->number, ln_sm_use(c->scope, value));
    return;
  }
  v->asset = value->kind == LN_SM_ASSET ? value->index : -1;
  if (value->kind == LN_SM_ASSET) return;
  if (value->kind == LN_SM_STORED) {
    v->stored = value->index;
    v->data = NULL;
    v->last_e = NULL;
    return;
  }
  if (value->kind != LN_SM_NOTHING && ln_sm_keep(c, 1, &v->type, &v->shape, &v->data, &v->bytes)) {
    v->stored = -1;
    v->last_e = NULL;
  }
}

/* ---- rows ---- */

static bool is_handle(ln_sm_call *c) {
  if (c->in_count > 0 && c->in[0].kind == LN_SM_VARIABLE) return true;
  ln_emit_wrong(c->e, "its first input is no variable");
  return false;
}

/* VarHandleOp, VariableV2 (variant 1: TensorFlow 1's, read where its value is wanted) */
void ln_sm_op_variable(ln_sm_call *c) {
  size_t length;
  const char *name = ln_sm_shared_name(c->node, &length);
  const int32_t index = ln_sm_variable_of(ln_sm_of(c), name, length);
  ln_sm_give_value(c, 0,
                   (ln_sm_value){.kind = LN_SM_VARIABLE, .index = index, .tensor = -1, .is_ref = c->variant == 1});
}

void ln_sm_op_read_variable(ln_sm_call *c) {
  if (!is_handle(c)) return;
  const int32_t asset = ln_sm_of(c)->variables[c->in[0].index].asset;
  if (asset >= 0) ln_sm_give_value(c, 0, (ln_sm_value){.kind = LN_SM_ASSET, .index = asset, .tensor = -1});
  else ln_sm_result(c, ln_sm_read_variable(c->scope, &c->in[0]));
}

/* AssignVariableOp, Assign (which gives the variable) */
void ln_sm_op_assign(ln_sm_call *c) {
  if (!is_handle(c) || c->in_count < 2) return;
  ln_sm_assign_variable(c, &c->in[0], &c->in[1]);
  ln_sm_give_value(c, 0, c->in[0]);
}

/* AssignAddVariableOp and its like; variant: the operator that joins old and new */
void ln_sm_op_assign_by(ln_sm_call *c) {
  if (!is_handle(c)) return;
  const int32_t old = ln_sm_read_variable(c->scope, &c->in[0]);
  const ln_sm_value made = ln_sm_tensor(c->e, ln_emit_binary(c->e, c->variant, old, ln_sm_in(c, 1)));
  ln_sm_call changed = *c;
  ln_sm_value in[2] = {c->in[0], made};
  changed.in = in;
  changed.in_count = 2;
  ln_sm_assign_variable(&changed, &c->in[0], &made);
  ln_sm_give_value(c, 0, c->in[0]);
}

void ln_sm_op_variable_shape(ln_sm_call *c) {
  if (!is_handle(c)) return;
  const int32_t shape = ln_emit_shape_of(c->e, ln_sm_read_variable(c->scope, &c->in[0]));
  ln_type type = LN_INT32;
  ln_nodedef_type(c->def, "out_type", &type);
  ln_sm_result(c, ln_emit_cast(c->e, shape, type));
}

void ln_sm_op_is_initialized(ln_sm_call *c) { ln_sm_result(c, ln_emit_scalar(c->e, LN_BOOL, 1)); }

/* ResourceGather, ResourceGatherNd (variant 1) */
void ln_sm_op_resource_gather(ln_sm_call *c) {
  if (!is_handle(c)) return;
  const int32_t table = ln_sm_read_variable(c->scope, &c->in[0]), indices = ln_sm_in(c, 1);
  if (c->variant == 1) {
    ln_sm_result(
        c, ln_emit_op(c->e, LN_OP_GATHER_ND, NULL, 2, (const int32_t[]){table, indices}, ln_emit_type(c->e, table)));
  } else {
    const int32_t batch = (int32_t)ln_sm_int(c, "batch_dims", 0);
    ln_sm_result(c, ln_emit_gather(c->e, table, indices, batch, batch));
  }
}
