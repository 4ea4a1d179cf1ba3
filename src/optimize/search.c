/*
 * The technique `search`: the cheapest mix of formats that loses no more than is allowed. Every format is tried in all
 * operators, which also tells what each operator's own error does to the outputs in it. From there operators move to
 * more exact formats, one at a time, in the order of the noise that a move takes away for what it costs; as few of
 * these moves are made as the target needs, found by bisection, and moves that turn out not to be needed are taken
 * back.
 */
#include "optimize/search.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const ln_parameter ln_parameters_search[] = {
    {"max-drop", LN_PARAMETER_NUMBER, "0.5%", NULL, 0, 1, "of accuracy, that may be lost"},
    {"min-snr", LN_PARAMETER_NUMBER, "25", NULL, 0, 200,
     "of the outputs in dB, that must be kept where there are no labels"},
    {"metric", LN_PARAMETER_CHOICE, "auto", "auto|accuracy|snr", 0, 0,
     "what is kept; auto: accuracy where there are labels"},
    {"formats", LN_PARAMETER_TEXT, "int8,int16x8,float16,float32", NULL, 0, 0,
     "of quantize, from the cheapest to the most exact"},
    {"samples", LN_PARAMETER_INTEGER, "2000", NULL, 0, 1e9,
     "labelled ones that a mix is judged on; 0: all. The chosen one sees all"},
    {"with", LN_PARAMETER_TEXT, "", NULL, 0, 0, "other parameters of quantize: io=int8,method=mse"},
    {NULL, LN_PARAMETER_FLAG, NULL, NULL, 0, 0, NULL}};

/* One more exact format for one operator. */
typedef struct move {
  int32_t op;
  int8_t from, to;
} move;

typedef struct path {
  move *moves;
  int32_t count;
  int8_t *start;   /* [ops] the cheapest format in all operators that the stage takes */
  int8_t *formats; /* [ops] room for a mix */
  double *costs;   /* [formats][ops] beside the cheapest: shares of the float model's bytes and time */
} path;

/* ---- what a move costs and brings ---- */

static int64_t weights_of(const ln_graph *graph, const ln_op *op) {
  int64_t sum = 0;
  for (int32_t k = 0; k < op->input_count; ++k) {
    if (op->inputs[k] < 0 || !ln_tensor_const_data(&graph->tensors[op->inputs[k]])) continue;
    sum += (int64_t)ln_tensor_elements(&graph->tensors[op->inputs[k]]);
  }
  return sum;
}

/* What a format makes the whole model larger and slower than the cheapest one does, shared out by weights and by
 * multiplications. A little is added for the conversions between formats. */
static void price(const ln_search *s, ln_search_try *const *uniform, const ln_search_try *floats, path *p) {
  static const double conversion = 0.002;
  const ln_graph *graph = &s->floats->graphs[s->o->graph];
  const int32_t ops = graph->op_count;
  double weights = 1, macs = 1;
  for (int32_t i = 0; i < ops; ++i) {
    weights += (double)weights_of(graph, &graph->ops[i]);
    macs += (double)s->macs[i];
  }
  for (int32_t f = 0; f < s->format_count; ++f) {
    if (uniform[f] == NULL) continue; /* it cannot be had */
    const double bytes = (double)(uniform[f]->result.bytes - uniform[0]->result.bytes) / (double)floats->result.bytes;
    double time = (uniform[f]->result.latency_ms - uniform[0]->result.latency_ms) / floats->result.latency_ms;
    if (!(time > 0)) time = 0;
    for (int32_t i = 0; i < ops; ++i) {
      p->costs[f * ops + i] = conversion * (f > 0) + bytes * (double)weights_of(graph, &graph->ops[i]) / weights +
                              time * (double)s->macs[i] / macs;
    }
  }
}

/* The move that takes away most noise for its cost; false when none takes any. */
static bool best_move(const ln_search *s, ln_search_try *const *uniform, const path *p, const int8_t *now, move *out) {
  const int32_t ops = ln_search_ops(s);
  double best = 0;
  for (int32_t i = 0; i < ops; ++i) {
    if (s->net.moves == NULL || s->net.moves[i]) continue;
    for (int32_t f = now[i] + 1; now[i] >= 0 && f < s->format_count; ++f) {
      if (uniform[f] == NULL) continue;
      const double gain = ln_noise_gain(&s->net, s->noise, now, i, f);
      const double cost = p->costs[f * ops + i] - p->costs[now[i] * ops + i];
      const double score = gain / fmax(cost, 1e-4);
      if (gain <= 0 || score <= best) continue;
      best = score;
      *out = (move){i, now[i], (int8_t)f};
    }
  }
  return best > 0;
}

static ln_status plan(ln_search *s, ln_search_try *const *uniform, const ln_search_try *floats, path *p) {
  const size_t ops = (size_t)ln_search_ops(s);
  p->moves = ln_arena_array(&s->arena, ops * LN_SEARCH_FORMATS + 1, sizeof *p->moves);
  p->costs = ln_arena_array(&s->arena, ops * LN_SEARCH_FORMATS + 1, sizeof *p->costs);
  p->start = uniform[0]->formats;
  p->formats = ln_arena_copy(&s->arena, p->start, ops + 1);
  if (p->moves == NULL || p->costs == NULL || p->formats == NULL) return ln_optimizer_no_memory(s->o);
  price(s, uniform, floats, p);
  while (best_move(s, uniform, p, p->formats, &p->moves[p->count])) {
    p->formats[p->moves[p->count].op] = p->moves[p->count].to;
    ++p->count;
  }
  return LN_OK;
}

/* ---- mixes ---- */

/* Operators that only move numbers go with what they read, so that nothing is converted only for them. */
static void follow(const ln_search *s, const path *p, int8_t *formats) {
  const ln_graph *graph = &s->floats->graphs[s->o->graph];
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (p->start[i] < 0 || s->net.moves == NULL || !s->net.moves[i]) continue;
    for (int32_t k = i - 1; k >= 0; --k) { /* the operator that makes its first input */
      if (graph->ops[k].output_count < 1 || graph->ops[i].input_count < 1) continue;
      if (graph->ops[k].outputs[0] != graph->ops[i].inputs[0]) continue;
      formats[i] = formats[k];
      break;
    }
  }
}

/* The format of most operators that the stage takes. */
static int32_t common(const ln_search *s, const path *p, const int8_t *formats) {
  int32_t counts[LN_SEARCH_FORMATS + 1] = {0}, best = 0; /* of floats first */
  for (int32_t i = 0; i < ln_search_ops(s); ++i) counts[formats[i] + 1] += p->start[i] >= 0;
  for (int32_t f = 1; f <= s->format_count; ++f) {
    if (counts[f] > counts[best]) best = f;
  }
  return best - 1;
}

/* "int8; float32: 3 7 12" */
static const char *describe(const ln_search *s, const path *p, const int8_t *formats, char *text, size_t size) {
  const ln_graph *graph = ln_optimizer_graph(s->o);
  const int32_t most = common(s, p, formats);
  size_t length = (size_t)snprintf(text, size, "%.16s", ln_search_name(s, most));
  for (int32_t f = -1; f < s->format_count; ++f) {
    bool any = false;
    for (int32_t i = 0; f != most && i < graph->op_count; ++i) {
      if (formats[i] != f || p->start[i] < 0) continue;
      if (length + 40 > size) {
        snprintf(text + length, size - length, " ...");
        return text;
      }
      if (!any) length += (size_t)snprintf(text + length, size - length, "; %.16s:", ln_search_name(s, f));
      length += (size_t)snprintf(text + length, size - length, " %d", graph->ops[i].index);
      any = true;
    }
  }
  return text;
}

/* Tries the path up to a move, without those that `skip` (NULL: none) names. */
static ln_status try_moves(ln_search *s, path *p, int32_t count, const bool *skip, ln_search_try **out) {
  char text[256];
  memcpy(p->formats, p->start, (size_t)ln_search_ops(s));
  for (int32_t i = 0; i < count; ++i) {
    if (skip == NULL || !skip[i]) p->formats[p->moves[i].op] = p->moves[i].to;
  }
  follow(s, p, p->formats);
  for (int32_t i = 0; i < ln_search_ops(s); ++i) {
    if (p->formats[i] > 0 && ln_search_is_float(s, p->formats[i])) p->formats[i] = -1;
  }
  return ln_search_make(s, p->formats, describe(s, p, p->formats, text, sizeof text), NULL, out);
}

/* The least number of moves that keeps the target, if noise falls with each. */
static ln_status bisect(ln_search *s, path *p, int32_t *count) {
  ln_search_try *t = NULL;
  int32_t low = 0, high = p->count; /* `low` moves are too few */
  LN_TRY(try_moves(s, p, high, NULL, &t));
  *count = -1;
  if (!t->result.holds) return LN_OK;
  while (high - low > 1) {
    const int32_t middle = low + (high - low) / 2;
    LN_TRY(try_moves(s, p, middle, NULL, &t));
    if (t->result.holds) high = middle;
    else low = middle;
  }
  *count = high;
  return LN_OK;
}

/* Takes the dearest moves back where the target holds without them. */
static ln_status trim(ln_search *s, path *p, int32_t count) {
  enum { MOST = 4 };
  const int32_t ops = ln_search_ops(s);
  bool *skip = ln_arena_array(&s->arena, (size_t)count + 1, sizeof *skip);
  bool *seen = ln_arena_array(&s->arena, (size_t)count + 1, sizeof *seen);
  if (skip == NULL || seen == NULL) return ln_optimizer_no_memory(s->o);
  for (int32_t round = 0; round < MOST && round < count - 1; ++round) {
    int32_t dearest = -1;
    double most = 0;
    for (int32_t i = 0; i < count - 1; ++i) { /* the last one is needed */
      const move *m = &p->moves[i];
      const double cost = p->costs[m->to * ops + m->op] - p->costs[m->from * ops + m->op];
      if (seen[i] || (dearest >= 0 && cost <= most)) continue;
      dearest = i;
      most = cost;
    }
    if (dearest < 0) break;
    ln_search_try *t = NULL;
    seen[dearest] = skip[dearest] = true;
    LN_TRY(try_moves(s, p, count, skip, &t));
    skip[dearest] = t->result.holds;
  }
  return LN_OK;
}

/* ---- choosing ---- */

static double quality(const ln_search *s, const ln_search_try *t) {
  return s->by_accuracy ? t->result.accuracy : t->result.snr_db;
}

static bool beats(const ln_search *s, const ln_search_try *a, const ln_search_try *b) {
  const ln_report_try *x = &a->result, *y = &b->result;
  const double qx = quality(s, a), qy = quality(s, b);
  if (x->bytes > y->bytes || x->latency_ms > y->latency_ms || qx < qy) return false;
  return x->bytes < y->bytes || x->latency_ms < y->latency_ms || qx > qy;
}

/* Of those that hold: least bytes and time, as shares of the float model's. */
static ln_search_try *cheapest(const ln_search *s, const ln_search_try *floats) {
  ln_search_try *best = NULL;
  double least = 0;
  for (ln_search_try *t = s->tries; t != NULL; t = t->next) {
    const double time = t->result.latency_ms / fmax(floats->result.latency_ms, 1e-9);
    const double cost = (double)t->result.bytes / (double)floats->result.bytes + (isnan(time) ? 0 : time);
    if (!t->result.holds || (best != NULL && cost >= least)) continue;
    best = t;
    least = cost;
  }
  return best;
}

/* Judges what holds on all labelled samples, the cheapest first, until one holds there too. */
static ln_status choose(ln_search *s, ln_search_try *floats, double drop, ln_search_try **out) {
  LN_TRY(ln_search_judge_whole(s, floats));
  *out = NULL;
  for (;;) {
    ln_search_try *t = cheapest(s, floats);
    if (t == NULL) return LN_OK;
    if (t != floats) LN_TRY(ln_search_judge_whole(s, t));
    if (t == floats || !s->by_accuracy || t->whole >= floats->whole - drop) {
      *out = t;
      t->result.chosen = true;
      return LN_OK;
    }
    t->result.holds = false;
  }
}

static ln_status report(ln_search *s) {
  for (int32_t i = s->try_count - 1; i >= 0; --i) { /* the list begins with the last one */
    ln_search_try *t = s->tries;
    for (int32_t k = 0; k < i; ++k) t = t->next;
    t->result.front = true;
    for (const ln_search_try *other = s->tries; other != NULL; other = other->next) {
      if (beats(s, other, t)) t->result.front = false;
    }
    LN_TRY(ln_report_add_try(s->o, &t->result));
  }
  return LN_OK;
}

static ln_status note(ln_search *s, const ln_search_try *floats, const ln_search_try *chosen) {
  if (s->by_accuracy) {
    return ln_report_add_note(s->o, "search: %d mixes tried; chosen: %s, accuracy %.2f %% of %.2f %% in floats",
                              s->try_count, chosen->result.what, 100 * chosen->whole, 100 * floats->whole);
  }
  return ln_report_add_note(s->o,
                            "search: %d mixes tried; chosen: %s, outputs at %.1f dB, of at least %g without labels",
                            s->try_count, chosen->result.what, chosen->result.snr_db, s->least);
}

static ln_status refuse(ln_search *s) {
  const ln_search_try *best = NULL;
  for (const ln_search_try *t = s->tries; t != NULL; t = t->next) {
    if (t->next == NULL) break; /* the model in floats, which was not asked for */
    if (best == NULL || quality(s, t) > quality(s, best)) best = t;
  }
  if (best == NULL) return ln_fail(s->o->err, LN_ERR_DATA, "search: nothing could be tried");
  return ln_fail(s->o->err, LN_ERR_DATA, "search: none of %d mixes keeps the target; %s comes closest with %.4g%s",
                 s->try_count - 1, best->result.what, quality(s, best) * (s->by_accuracy ? 100 : 1),
                 s->by_accuracy ? " %" : " dB");
}

/* ---- the search ---- */

static ln_status try_all(ln_search *s, double drop, ln_search_try **floats, ln_search_try **uniform) {
  LN_TRY(ln_search_uniform(s, -1, floats));
  if (s->by_accuracy) s->least = (*floats)->result.accuracy - drop;
  (*floats)->result.holds = false; /* unless it is among the formats */
  for (int32_t f = 0; f < s->format_count; ++f) {
    if (ln_search_is_float(s, f)) {
      uniform[f] = *floats;
      (*floats)->result.holds = true;
      continue;
    }
    const ln_status status = ln_search_uniform(s, f, &uniform[f]);
    if (status != LN_ERR_UNSUPPORTED) LN_TRY(status);
    else LN_TRY(ln_report_add_note(s->o, "search: without %s: %s", s->formats[f], s->o->err ? s->o->err->message : ""));
  }
  return uniform[0] != NULL ? LN_OK : LN_ERR_UNSUPPORTED;
}

static ln_status search(ln_search *s) {
  const double drop = ln_stage_number(s->stage, s->o, NULL, "max-drop");
  ln_search_try *floats = NULL, *uniform[LN_SEARCH_FORMATS] = {NULL}, *chosen = NULL;
  path p = {0};
  int32_t count = -1;
  s->least = ln_stage_number(s->stage, s->o, NULL, "min-snr");
  LN_TRY(ln_search_open(s));
  LN_TRY(try_all(s, drop, &floats, uniform));
  LN_TRY(plan(s, uniform, floats, &p));
  if (!uniform[0]->result.holds && p.count > 0) {
    LN_TRY(bisect(s, &p, &count));
    if (count > 0) LN_TRY(trim(s, &p, count));
  }
  LN_TRY(choose(s, floats, drop, &chosen));
  if (chosen == NULL) return refuse(s);
  LN_TRY(note(s, floats, chosen));
  return ln_search_apply(s, chosen->formats);
}

ln_status ln_technique_search(ln_optimizer *o, const ln_stage *stage) {
  ln_search s = {.o = o, .stage = stage};
  const bool labels = o->options->evaluation != NULL;
  s.by_accuracy = labels && !ln_stage_is(stage, o, NULL, "metric", "snr");
  if (!labels && ln_stage_is(stage, o, NULL, "metric", "accuracy")) {
    return ln_fail(o->err, LN_ERR_DATA, "search: accuracy is wanted, and there are no labelled samples");
  }
  LN_TRY(ln_optimizer_needs_samples(o));
  ln_status status = search(&s);
  const ln_status told = s.try_count > 0 ? report(&s) : LN_OK; /* of a search that failed too */
  if (status == LN_OK) status = told;
  ln_search_close(&s);
  return status;
}
