/* What ends a run between two operators: another thread, the clock, the caller's own function. */
#include "runtime/runtime.h"

void ln_session_cancel(ln_session *session) { atomic_store(&session->cancelled, true); }

void ln_control_begin(ln_session *session) {
  ln_run_control *control = &session->control;
  atomic_store(&session->cancelled, false);
  control->deadline_ns = INT64_MAX;
  if (control->time_limit_ns == 0) return;
  const int64_t now = ln_clock_ns();
  if (control->time_limit_ns < INT64_MAX - now) control->deadline_ns = now + control->time_limit_ns;
}

/* Nodes stand in the session's steps. */
static bool is_inside(const ln_session *session, const ln_node *node) {
  const ln_step *step = (const ln_step *)(const void *)((const char *)node - offsetof(ln_step, node));
  return step->head != (int32_t)(step - session->steps);
}

static ln_status tell(const ln_session *session, const ln_node *node, bool after, int64_t nanoseconds, ln_error *err) {
  const ln_run_control *control = &session->root->control;
  if (control->on_operator == NULL) return LN_OK;
  const ln_op *op = node->op;
  const ln_operator_event event = {.size = sizeof event,
                                   .index = op->index,
                                   .graph_name = session->graph->name,
                                   .operator_name = op->custom_name != NULL ? op->custom_name : op->def->name,
                                   .tensor_name = node->out_count > 0 ? node->out[0]->name : "",
                                   .after = after,
                                   .nanoseconds = nanoseconds,
                                   .inside = is_inside(session, node)};
  if (control->on_operator(control->user, &event)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_CANCELLED, "ended by the operator callback");
}

ln_status ln_control_before(const ln_session *session, const ln_node *node, ln_error *err) {
  const ln_run_control *control = &session->root->control;
  if (atomic_load_explicit(&session->root->cancelled, memory_order_relaxed)) {
    return ln_node_fail(node, err, LN_ERR_CANCELLED, "was not reached: the run was cancelled");
  }
  if (control->deadline_ns != INT64_MAX && ln_clock_ns() >= control->deadline_ns) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "not reached within the time limit of %lld ms",
                        (long long)(control->time_limit_ns / 1000000));
  }
  return tell(session, node, false, 0, err);
}

ln_status ln_control_after(const ln_session *session, const ln_node *node, int64_t nanoseconds, ln_error *err) {
  return tell(session, node, true, nanoseconds, err);
}
