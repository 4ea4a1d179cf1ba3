/* The cheapest cut between two vertices, by pushing flow along shortest ways (Dinic, 1970). */
#include <string.h>

#include "passes/convert/layout/layout.h"

typedef struct arc {
  int32_t to, next; /* of the same vertex; arc i ^ 1 goes back */
  int64_t room;
} arc;

struct ln_cut {
  int32_t *first; /* [vertex_capacity] */
  int32_t *level, *at, *queue;
  int32_t vertices, vertex_capacity;
  arc *arcs;
  int32_t arc_count, arc_capacity;
  bool failed;
};

static bool grow(ln_cut *cut, int32_t vertices) {
  if (vertices <= cut->vertex_capacity) return true;
  const int32_t capacity = vertices * 2 + 8;
  int32_t **arrays[] = {&cut->first, &cut->level, &cut->at, &cut->queue};
  for (size_t i = 0; i < LN_COUNT(arrays); ++i) {
    int32_t *moved = ln_realloc_array(*arrays[i], (size_t)cut->vertex_capacity, (size_t)capacity, sizeof *moved);
    if (moved == NULL) return false;
    *arrays[i] = moved;
  }
  cut->vertex_capacity = capacity;
  return true;
}

int32_t ln_cut_vertex(ln_cut *cut) {
  if (cut->failed || cut->vertices > INT32_MAX / 4 || !grow(cut, cut->vertices + 1)) {
    cut->failed = true;
    return -1;
  }
  cut->first[cut->vertices] = -1;
  return cut->vertices++;
}

ln_cut *ln_cut_create(int32_t vertices) {
  ln_cut *cut = ln_alloc_zero(sizeof *cut);
  if (cut == NULL) return NULL;
  for (int32_t i = 0; i < LN_CUT_FIRST + vertices; ++i) ln_cut_vertex(cut);
  return cut;
}

void ln_cut_destroy(ln_cut *cut) {
  if (cut == NULL) return;
  ln_free(cut->first);
  ln_free(cut->level);
  ln_free(cut->at);
  ln_free(cut->queue);
  ln_free(cut->arcs);
  ln_free(cut);
}

static void add_half(ln_cut *cut, int32_t from, int32_t to, int64_t room) {
  cut->arcs[cut->arc_count] = (arc){to, cut->first[from], room};
  cut->first[from] = cut->arc_count++;
}

void ln_cut_arc(ln_cut *cut, int32_t from, int32_t to, int64_t cost) {
  if (cost <= 0 || cut->failed || from < 0 || to < 0 || from == to) return;
  if (cut->arc_count + 2 > cut->arc_capacity) {
    const int32_t capacity = cut->arc_capacity * 2 + 64;
    arc *moved = cut->arc_capacity > INT32_MAX / 4
                     ? NULL
                     : ln_realloc_array(cut->arcs, (size_t)cut->arc_capacity, (size_t)capacity, sizeof *moved);
    if (moved == NULL) {
      cut->failed = true;
      return;
    }
    cut->arcs = moved;
    cut->arc_capacity = capacity;
  }
  add_half(cut, from, to, cost);
  add_half(cut, to, from, 0);
}

/* Distances from the source along arcs with room; whether the sink is reached. */
static bool find_levels(ln_cut *cut) {
  int32_t head = 0, tail = 0;
  for (int32_t i = 0; i < cut->vertices; ++i) cut->level[i] = -1;
  cut->level[LN_CUT_SOURCE] = 0;
  cut->queue[tail++] = LN_CUT_SOURCE;
  while (head < tail) {
    const int32_t v = cut->queue[head++];
    for (int32_t a = cut->first[v]; a >= 0; a = cut->arcs[a].next) {
      const int32_t to = cut->arcs[a].to;
      if (cut->arcs[a].room <= 0 || cut->level[to] >= 0) continue;
      cut->level[to] = cut->level[v] + 1;
      cut->queue[tail++] = to;
    }
  }
  return cut->level[LN_CUT_SINK] >= 0;
}

/* Pushes along one shortest way, held as arcs in `queue`; 0 when none is left. */
static int64_t push(ln_cut *cut) {
  int32_t *way = cut->queue, depth = 0, v = LN_CUT_SOURCE;
  while (v != LN_CUT_SINK) {
    int32_t a = cut->at[v];
    while (a >= 0 && (cut->arcs[a].room <= 0 || cut->level[cut->arcs[a].to] != cut->level[v] + 1))
      a = cut->arcs[a].next;
    cut->at[v] = a;
    if (a >= 0) {
      way[depth++] = a;
      v = cut->arcs[a].to;
    } else if (depth == 0) {
      return 0;
    } else {
      v = cut->arcs[way[--depth] ^ 1].to;
      cut->at[v] = cut->arcs[cut->at[v]].next;
    }
  }
  int64_t most = INT64_MAX;
  for (int32_t i = 0; i < depth; ++i) {
    if (cut->arcs[way[i]].room < most) most = cut->arcs[way[i]].room;
  }
  for (int32_t i = 0; i < depth; ++i) {
    cut->arcs[way[i]].room -= most;
    cut->arcs[way[i] ^ 1].room += most;
  }
  return most;
}

bool ln_cut_run(ln_cut *cut) {
  if (cut->failed) return false;
  while (find_levels(cut)) {
    memcpy(cut->at, cut->first, (size_t)cut->vertices * sizeof *cut->at);
    while (push(cut) > 0) continue;
  }
  return true; /* levels of the last search: 0 and more are on the source's side */
}

bool ln_cut_on_sink_side(const ln_cut *cut, int32_t vertex) { return cut->level[vertex] < 0; }
