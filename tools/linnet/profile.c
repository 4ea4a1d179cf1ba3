/* Keeps when each operator of each run began and ended; writes Chrome's trace events, or a page that shows them. */
#define _POSIX_C_SOURCE 200809L
#include "profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "embedded.h"
#include "json.h"

enum { MOST_EVENTS = 500000 };

/* ---- keeping ---- */

static bool grow(void **items, size_t size, size_t needed, size_t *capacity) {
  if (needed <= *capacity) return true;
  const size_t wanted = *capacity ? 2 * *capacity : 256;
  void *grown = realloc(*items, wanted * size);
  if (!grown) return false;
  *items = grown;
  *capacity = wanted;
  return true;
}

static void open_event(cli_profile *p, const ln_operator_event *event) {
  const int32_t depth = p->depth++;
  if (depth < (int32_t)CLI_COUNT(p->open)) p->open[depth] = -1;
  const bool room = p->count < MOST_EVENTS && depth < (int32_t)CLI_COUNT(p->open) &&
                    grow((void **)&p->events, sizeof *p->events, p->count + 1, &p->capacity);
  if (!room) {
    p->dropped = true;
    return;
  }
  p->open[depth] = (int32_t)p->count;
  p->events[p->count++] = (cli_profile_event){.op = event->operator_name,
                                              .tensor = event->tensor_name,
                                              .graph = event->graph_name,
                                              .run = p->run_count - 1,
                                              .depth = depth,
                                              .step = -1,
                                              .start_ms = cli_now_ms() - p->origin_ms};
}

static void close_event(cli_profile *p) {
  const double now = cli_now_ms() - p->origin_ms;
  const int32_t depth = --p->depth;
  const int32_t index = depth < (int32_t)CLI_COUNT(p->open) ? p->open[depth] : -1;
  if (index >= 0) p->events[index].ms = now - p->events[index].start_ms;
}

bool cli_profile_on_operator(void *user, const ln_operator_event *event) {
  if (event->inside) return true; /* in the event of another */
  if (event->after) close_event(user);
  else open_event(user, event);
  return true;
}

void cli_profile_begin_run(cli_profile *p) {
  size_t capacity = (size_t)p->run_capacity;
  if (!grow((void **)&p->runs, sizeof *p->runs, (size_t)p->run_count + 1, &capacity)) {
    p->dropped = true;
    return;
  }
  p->run_capacity = (int32_t)capacity;
  p->depth = 0;
  if (p->run_count == 0) p->origin_ms = cli_now_ms();
  p->runs[p->run_count++] = (cli_profile_run){.start_ms = cli_now_ms() - p->origin_ms};
}

void cli_profile_end_run(cli_profile *p) {
  if (p->run_count == 0) return;
  cli_profile_run *run = &p->runs[p->run_count - 1];
  run->ms = cli_now_ms() - p->origin_ms - run->start_ms;
}

void cli_profile_free(cli_profile *p) {
  free(p->events);
  free(p->runs);
  *p = (cli_profile){0};
}

/* Gives each event of the main graph its step of the profile, and the names that this has: "CONV_2D + ADD" where an
 * operator ran inside the one before it. */
static void find_steps(cli_profile *p, const ln_session *session) {
  int32_t run = -1, step = 0;
  for (size_t i = 0; i < p->count; i++) {
    cli_profile_event *e = &p->events[i];
    ln_profile_entry entry = {.size = sizeof entry};
    if (e->run != run) step = 0;
    run = e->run;
    if (e->depth != 0 || ln_session_profile(session, step, &entry) != LN_OK) continue;
    e->step = step++;
    e->op = entry.operator_name;
    e->tensor = entry.tensor_name;
  }
}

/* ---- the arena over time ---- */

typedef struct arena_use {
  ln_memory_block *blocks; /* by offset */
  int32_t count, steps;
} arena_use;

static int compare_offsets(const void *a, const void *b) {
  const size_t x = ((const ln_memory_block *)a)->offset, y = ((const ln_memory_block *)b)->offset;
  return (x > y) - (x < y);
}

static bool read_arena(const ln_session *session, arena_use *out) {
  *out = (arena_use){.count = ln_session_memory_count(session), .steps = ln_session_profile_count(session)};
  out->blocks = calloc((size_t)out->count + 1, sizeof *out->blocks);
  for (int32_t i = 0; out->blocks && i < out->count; i++) {
    out->blocks[i].size = sizeof *out->blocks;
    ln_session_memory(session, i, &out->blocks[i]);
  }
  if (out->blocks) qsort(out->blocks, (size_t)out->count, sizeof *out->blocks, compare_offsets);
  return out->blocks != NULL;
}

/* Bytes that hold something in a step; those that tensors share count once. */
static size_t live_bytes(const arena_use *arena, int32_t step) {
  size_t bytes = 0, end = 0;
  for (int32_t i = 0; i < arena->count; i++) {
    const ln_memory_block *b = &arena->blocks[i];
    if (step < b->first || step > b->last || b->offset + b->bytes <= end) continue;
    const size_t from = b->offset > end ? b->offset : end;
    end = b->offset + b->bytes;
    bytes += end - from;
  }
  return bytes;
}

/* ---- Chrome's trace events: times in microseconds ---- */

static void name_track(json *j, const char *what, const char *name) {
  json_flat_object(j, NULL);
  json_string(j, "name", what);
  json_string(j, "ph", "M");
  json_int(j, "pid", 1);
  json_int(j, "tid", 1);
  json_flat_object(j, "args");
  json_string(j, "name", name);
  json_end(j, '}');
  json_end(j, '}');
}

static void begin_slice(json *j, const char *name, const char *category, double start_ms, double ms) {
  json_flat_object(j, NULL);
  json_string(j, "name", name);
  json_string(j, "cat", category);
  json_string(j, "ph", "X");
  json_real(j, "ts", 1e3 * start_ms);
  json_real(j, "dur", 1e3 * ms);
  json_int(j, "pid", 1);
  json_int(j, "tid", 1);
  json_flat_object(j, "args");
}

static void end_slice(json *j) {
  json_end(j, '}');
  json_end(j, '}');
}

static void count_memory(json *j, double start_ms, size_t bytes) {
  json_flat_object(j, NULL);
  json_string(j, "name", "arena");
  json_string(j, "ph", "C");
  json_real(j, "ts", 1e3 * start_ms);
  json_int(j, "pid", 1);
  json_flat_object(j, "args");
  json_int(j, "bytes", (int64_t)bytes);
  json_end(j, '}');
  json_end(j, '}');
}

static void write_event(json *j, const cli_profile_event *e, const ln_session *session, const arena_use *arena) {
  ln_profile_entry entry = {.size = sizeof entry};
  const bool known = e->step >= 0 && ln_session_profile(session, e->step, &entry) == LN_OK;
  if (known) count_memory(j, e->start_ms, live_bytes(arena, e->step));
  begin_slice(j, e->op, "op", e->start_ms, e->ms);
  json_string(j, "op", e->op);
  json_string(j, "tensor", e->tensor);
  if (known) {
    json_int(j, "step", e->step);
    json_string(j, "kernel", entry.kernel);
    if (entry.origin) json_string(j, "origin", entry.origin);
    json_int(j, "macs", entry.macs);
    json_int(j, "bytes", entry.input_bytes + entry.weight_bytes + entry.output_bytes);
    json_int(j, "scratch_bytes", entry.scratch_bytes);
  } else {
    json_string(j, "graph", e->graph);
  }
  end_slice(j);
}

static void write_trace(const cli_profile *p, const char *model, int32_t threads, const ln_session *session,
                        const arena_use *arena, FILE *out) {
  json j;
  json_begin(&j, out);
  json_object(&j, NULL);
  json_string(&j, "displayTimeUnit", "ns");
  json_flat_object(&j, "otherData");
  json_string(&j, "model", model);
  json_int(&j, "threads", threads);
  json_string(&j, "kernels", ln_cpu_tier());
  json_bool(&j, "complete", !p->dropped);
  json_end(&j, '}');
  json_array(&j, "traceEvents");
  name_track(&j, "process_name", "linnet");
  name_track(&j, "thread_name", "session");
  size_t at = 0;
  for (int32_t r = 0; r < p->run_count; r++) {
    begin_slice(&j, "run", "run", p->runs[r].start_ms, p->runs[r].ms);
    json_int(&j, "index", r);
    end_slice(&j);
    for (; at < p->count && p->events[at].run == r; at++) write_event(&j, &p->events[at], session, arena);
    count_memory(&j, p->runs[r].start_ms + p->runs[r].ms, 0);
  }
  json_end(&j, ']');
  json_end(&j, '}');
}

/* ---- the page ---- */

static void write_steps(json *j, const ln_session *session, const arena_use *arena) {
  json_array(j, "steps");
  for (int32_t i = 0; i < arena->steps; i++) {
    ln_profile_entry entry = {.size = sizeof entry};
    if (ln_session_profile(session, i, &entry) != LN_OK) continue;
    json_flat_object(j, NULL);
    json_string(j, "op", entry.operator_name);
    json_string(j, "tensor", entry.tensor_name);
    json_string(j, "kernel", entry.kernel);
    if (entry.origin) json_string(j, "origin", entry.origin);
    json_string(j, "type", ln_type_name(entry.input_type));
    json_int(j, "macs", entry.macs);
    json_int(j, "inputs", entry.input_bytes);
    json_int(j, "weights", entry.weight_bytes);
    json_int(j, "outputs", entry.output_bytes);
    json_int(j, "scratch", entry.scratch_bytes);
    json_int(j, "live", (int64_t)live_bytes(arena, i));
    json_end(j, '}');
  }
  json_end(j, ']');
}

static void write_blocks(json *j, const ln_session *session, const arena_use *arena) {
  ln_session_stats stats = {.size = sizeof stats};
  ln_session_get_stats(session, &stats);
  json_int(j, "arena", (int64_t)stats.arena_bytes);
  json_int(j, "bound", (int64_t)stats.arena_lower_bound);
  json_array(j, "blocks");
  for (int32_t i = 0; i < arena->count; i++) {
    const ln_memory_block *b = &arena->blocks[i];
    json_flat_array(j, NULL);
    json_string(j, NULL, b->tensor_name);
    json_int(j, NULL, (int64_t)b->offset);
    json_int(j, NULL, (int64_t)b->bytes);
    json_int(j, NULL, b->first);
    json_int(j, NULL, b->last);
    json_end(j, ']');
  }
  json_end(j, ']');
}

/* Runs as [start, ms], events as [run, depth, step or name, start, ms]. */
static void write_data(const cli_profile *p, const char *model, int32_t threads, const ln_session *session,
                       const arena_use *arena, FILE *out) {
  json j;
  json_begin(&j, out);
  json_object(&j, NULL);
  json_string(&j, "model", model);
  json_int(&j, "threads", threads);
  json_string(&j, "tier", ln_cpu_tier());
  json_bool(&j, "complete", !p->dropped);
  write_steps(&j, session, arena);
  write_blocks(&j, session, arena);
  json_array(&j, "runs");
  for (int32_t r = 0; r < p->run_count; r++) {
    json_flat_array(&j, NULL);
    json_real(&j, NULL, (float)p->runs[r].start_ms);
    json_real(&j, NULL, (float)p->runs[r].ms);
    json_end(&j, ']');
  }
  json_end(&j, ']');
  json_array(&j, "events");
  for (size_t i = 0; i < p->count; i++) {
    const cli_profile_event *e = &p->events[i];
    json_flat_array(&j, NULL);
    json_int(&j, NULL, e->run);
    json_int(&j, NULL, e->depth);
    if (e->step >= 0) json_int(&j, NULL, e->step);
    else json_string(&j, NULL, e->op);
    json_real(&j, NULL, (float)e->start_ms);
    json_real(&j, NULL, (float)e->ms);
    json_end(&j, ']');
  }
  json_end(&j, ']');
  json_end(&j, '}');
}

/* ---- the file ---- */

static bool ends_with(const char *path, const char *end) {
  const size_t length = strlen(path), part = strlen(end);
  return length > part && strcmp(path + length - part, end) == 0;
}

bool cli_profile_names(const char *path) { return ends_with(path, ".json") || ends_with(path, ".html"); }

int cli_profile_write(cli_profile *p, const char *path, const char *model, int32_t threads, const ln_session *session) {
  arena_use arena;
  char *text = NULL, *data = NULL;
  size_t size = 0, data_size = 0;
  ln_error err = {.message = "out of memory"};
  bool good = read_arena(session, &arena);
  find_steps(p, session);
  FILE *out = good ? open_memstream(&text, &size) : NULL;
  if (out && ends_with(path, ".json")) {
    write_trace(p, model, threads, session, &arena, out);
  } else if (out) {
    FILE *inner = open_memstream(&data, &data_size);
    if (inner) write_data(p, model, threads, session, &arena, inner);
    good = inner && fclose(inner) == 0;
    if (good) cli_write_page(linnet_profile_page, linnet_profile_page_size, data, data_size, out);
  }
  good = out && fclose(out) == 0 && good;
  if (good) good = ln_io_write(path, text, size, &err) == LN_OK;
  free(arena.blocks);
  free(data);
  free(text);
  return good ? CLI_OK : cli_fail("%s: %s", path, err.message);
}
