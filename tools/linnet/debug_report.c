/* What `linnet debug-quant` found: a table for the terminal, JSON, CSV, a page. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "debug_quant.h"
#include "embedded.h"
#include "json.h"

ln_quant_row debug_row(const ln_quant_debug *debug, int32_t index) {
  ln_quant_row row = {.size = sizeof row};
  ln_quant_debug_row(debug, index, &row);
  return row;
}

/* ---- the table ---- */

static const double best_db = 60; /* where a bar is full */

/* A number in six cells; blank where there is none. */
static void print_number(FILE *out, double value, const char *format) {
  char text[32] = "";
  if (!isnan(value)) snprintf(text, sizeof text, format, value);
  fprintf(out, " %6s", text);
}

/* Of names that a converter joined, the first. */
static void print_name(const char *name, FILE *out) { fprintf(out, "%.*s", (int)strcspn(name, ";"), name); }

static void print_share(FILE *out, double share) {
  char text[32] = "";
  if (share > 0 && share < 0.0005) snprintf(text, sizeof text, "<0.1 %%");
  else if (share > 0) snprintf(text, sizeof text, "%.1f %%", 100 * share);
  fprintf(out, " %7s", text);
}

static void print_db(FILE *out, double db) {
  if (db >= 199) fprintf(out, "  exact");
  else print_number(out, db, "%.1f");
}

/* A bar of ten cells. */
static void print_bar(double db, FILE *out) {
  const double share = isnan(db) || db < 0 ? 0 : db > best_db ? 1 : db / best_db;
  const int eighths = (int)(share * 80 + 0.5);
  cli_print_bar(out, share, 10);
  fprintf(out, "%*s", 10 - (cli_utf8() ? (eighths + 7) / 8 : (eighths + 4) / 8), "");
}

static void print_row(const ln_quant_row *row, FILE *out) {
  if (row->op < 0) fprintf(out, " %3s ", "");
  else fprintf(out, " %3d ", row->op);
  cli_print_cell(out, row->op < 0 ? "(input)" : row->operator_name, 18);
  cli_print_cell(out, ln_type_name(row->type), 8);
  print_db(out, row->snr_db);
  if (!row->constant) print_db(out, row->own_snr_db);
  print_db(out, row->type_snr_db);
  fputc(' ', out);
  print_bar(row->snr_db, out);
  print_number(out, row->rmse_steps, "%.2f");
  print_number(out, row->scale > 0 ? row->mean_error / row->scale : NAN, "%+.2f");
  print_share(out, row->saturated);
  print_share(out, row->clipped);
  print_share(out, row->range_used);
  if (!row->constant) print_share(out, row->share);
  fprintf(out, "  ");
  if (row->suggested) fprintf(out, "(%d) ", row->suggested);
  print_name(row->name, out);
  fputc('\n', out);
}

/* Constants that hardly differ are left out. */
static void print_rows(const debug_result *r, bool constants, FILE *out) {
  bool any = false;
  int left_out = 0;
  for (int32_t i = 0; i < ln_quant_debug_rows(r->debug); i++) {
    const ln_quant_row row = debug_row(r->debug, i);
    if (row.constant != constants) continue;
    if (constants && row.snr_db >= best_db) {
      left_out++;
      continue;
    }
    if (!any) {
      fprintf(out, "\n%s\n %3s %-18s%-8s %6s", constants ? "Weights" : "Tensors, as the float model computes them",
              "op", "operator", "type", constants ? "dB" : "all dB");
      if (!constants) fprintf(out, " %6s", "own dB");
      fprintf(out, " %6s %-10s %6s %6s %7s %7s %7s", "type", "", "steps", "bias", "ends", "beyond", "range");
      fprintf(out, "%s  tensor\n", constants ? "" : "   share");
      any = true;
    }
    print_row(&row, out);
  }
  if (left_out > 0) fprintf(out, " %d constant%s above %.0f dB\n", left_out, left_out == 1 ? "" : "s", best_db);
}

/* Channels that stand out: those of the rows with the least SNR, where one has several times its due. */
static void print_channels(const debug_result *r, FILE *out) {
  int shown = 0;
  for (int32_t i = 0; i < ln_quant_debug_rows(r->debug) && shown < 8; i++) {
    const ln_quant_row row = debug_row(r->debug, i);
    ln_quant_channel channel = {.size = sizeof channel};
    if (row.constant || row.channels < 4 || ln_quant_debug_channel(r->debug, i, 0, &channel) != LN_OK) continue;
    if (channel.share * row.channels < 4 || channel.share < 0.03) continue;
    if (shown++ == 0) fprintf(out, "\nChannels with several times their part of the error\n");
    fprintf(out, "  op %d %s: ", row.op, row.operator_name);
    for (int32_t n = 0; n < 4 && ln_quant_debug_channel(r->debug, i, n, &channel) == LN_OK; n++) {
      if (channel.share * row.channels < 4) break;
      fprintf(out, "%s%d (%.0f %%, %.1f dB)", n ? ", " : "", channel.channel, 100 * channel.share, channel.snr_db);
    }
    fprintf(out, " of %d\n", row.channels);
  }
}

static void print_suggestions(const debug_result *r, FILE *out) {
  if (ln_quant_debug_suggestion(r->debug, 0) < 0) return;
  fprintf(out, "\nBest left in floats\n");
  for (int32_t n = 0, i; (i = ln_quant_debug_suggestion(r->debug, n)) >= 0; n++) {
    const ln_quant_row row = debug_row(r->debug, i);
    fprintf(out, "  (%d) op %d %s  %.1f %% of the outputs' noise  ", n + 1, row.op, row.operator_name, 100 * row.share);
    print_name(row.name, out);
    fputc('\n', out);
  }
  const debug_check *c = &r->check;
  char before[32], after[32], db[2][32] = {"equal", "equal"};
  if (c->format) {
    if (isfinite(c->before_db)) snprintf(db[0], sizeof db[0], "at %.1f dB", c->before_db);
    if (isfinite(c->after_db)) snprintf(db[1], sizeof db[1], "at %.1f dB", c->after_db);
    fprintf(out, "Checked by quantizing the float model to %s: outputs %s in %s, without these %s in %s\n", c->format,
            db[0], cli_bytes_text((double)c->before_bytes, before, sizeof before), db[1],
            cli_bytes_text((double)c->after_bytes, after, sizeof after));
  } else if (c->why) {
    fprintf(out, "Not checked: %s\n", c->why);
  }
}

void debug_print_text(const debug_result *r, FILE *out) {
  const ln_quant_summary *s = &r->summary;
  char f[32], q[32];
  fprintf(out, "%s (%s) beside %s (%s), %lld sample%s\n", cli_base_name(r->f_path),
          cli_bytes_text((double)r->f_bytes, f, sizeof f), cli_base_name(r->q_path),
          cli_bytes_text((double)r->q_bytes, q, sizeof q), (long long)s->samples, s->samples == 1 ? "" : "s");
  fprintf(out, "outputs: %.1f dB, largest difference %.4g; %d tensors matched, %d not\n", s->output_snr_db,
          s->output_max_error, s->matched, s->unmatched);
  for (int32_t n = 0, i; n < 4 && (i = ln_quant_debug_unmatched(r->debug, n)) >= 0; n++) {
    fputs(n ? ", " : "without a counterpart: ", out);
    print_name(ln_tensor_name(ln_graph_tensor(r->f_graph, i)), out);
    if (n == 3 || n == s->unmatched - 1) fputs(s->unmatched > 4 ? ", ...\n" : "\n", out);
  }
  print_rows(r, false, out);
  print_rows(r, true, out);
  print_channels(r, out);
  print_suggestions(r, out);
}

/* ---- for other programs ---- */

/* The figures of a row, under the names that JSON and CSV give them. */
typedef struct figure {
  const char *name;
  size_t offset;
} figure;

#define FIGURE(name) \
  { #name, offsetof(ln_quant_row, name) }
static const figure figures[] = {FIGURE(scale),         FIGURE(rmse),        FIGURE(rmse_steps), FIGURE(snr_db),
                                 FIGURE(own_snr_db),    FIGURE(type_snr_db), FIGURE(cosine),     FIGURE(mean_error),
                                 FIGURE(max_error),     FIGURE(saturated),   FIGURE(clipped),    FIGURE(low),
                                 FIGURE(high),          FIGURE(from),        FIGURE(to),         FIGURE(range_used),
                                 FIGURE(output_snr_db), FIGURE(share)};

static double figure_of(const ln_quant_row *row, const figure *f) {
  double value;
  memcpy(&value, (const char *)row + f->offset, sizeof value);
  return value;
}

static void json_channels(json *j, const debug_result *r, int32_t index) {
  ln_quant_channel c = {.size = sizeof c};
  json_flat_array(j, "channels");
  for (int32_t n = 0; ln_quant_debug_channel(r->debug, index, n, &c) == LN_OK; n++) {
    json_flat_object(j, NULL);
    json_int(j, "channel", c.channel);
    json_real(j, "rmse", c.rmse);
    json_real(j, "mean_error", c.mean_error);
    json_real(j, "snr_db", c.snr_db);
    json_real(j, "share", c.share);
    json_end(j, '}');
  }
  json_end(j, ']');
}

static void json_bins(json *j, const debug_result *r, int32_t index) {
  int64_t bins[LN_QUANT_BINS];
  double width = 0;
  if (ln_quant_debug_histogram(r->debug, index, &width, bins) != LN_OK) return;
  json_real(j, "bin_width", width);
  json_flat_array(j, "bins");
  for (int i = 0; i < LN_QUANT_BINS; i++) json_int(j, NULL, bins[i]);
  json_end(j, ']');
}

static void json_row(json *j, const debug_result *r, int32_t index) {
  const ln_quant_row row = debug_row(r->debug, index);
  json_flat_object(j, NULL);
  json_string(j, "name", row.name);
  json_string(j, "quantized_name", row.quantized_name);
  json_string(j, "matched_by", row.match == LN_QUANT_MATCH_NAME ? "name" : "structure");
  json_bool(j, "constant", row.constant);
  json_int(j, "tensor", row.tensor);
  json_int(j, "quantized_tensor", row.quantized_tensor);
  json_int(j, "op", row.op);
  json_int(j, "quantized_op", row.quantized_op);
  json_string(j, "operator", row.operator_name);
  json_string(j, "type", ln_type_name(row.type));
  json_int(j, "elements", row.elements);
  for (size_t i = 0; i < CLI_COUNT(figures); i++) json_real(j, figures[i].name, figure_of(&row, &figures[i]));
  json_int(j, "suggested", row.suggested);
  json_int(j, "channel_count", row.channels);
  json_channels(j, r, index);
  json_bins(j, r, index);
  json_end(j, '}');
}

static void json_check(json *j, const debug_check *c) {
  if (!c->format) return;
  json_flat_object(j, "check");
  json_string(j, "format", c->format);
  json_real(j, "before_db", c->before_db);
  json_real(j, "after_db", c->after_db);
  json_int(j, "before_bytes", c->before_bytes);
  json_int(j, "after_bytes", c->after_bytes);
  json_end(j, '}');
}

static void json_result(json *j, const debug_result *r) {
  json_string(j, "float", cli_base_name(r->f_path));
  json_string(j, "quantized", cli_base_name(r->q_path));
  json_int(j, "float_bytes", r->f_bytes);
  json_int(j, "quantized_bytes", r->q_bytes);
  json_int(j, "samples", r->summary.samples);
  json_real(j, "output_snr_db", r->summary.output_snr_db);
  json_real(j, "output_max_error", r->summary.output_max_error);
  json_int(j, "matched", r->summary.matched);
  json_array(j, "unmatched");
  for (int32_t n = 0, i; (i = ln_quant_debug_unmatched(r->debug, n)) >= 0; n++) {
    json_string(j, NULL, ln_tensor_name(ln_graph_tensor(r->f_graph, i)));
  }
  json_end(j, ']');
  json_flat_array(j, "exclude");
  for (int32_t n = 0, i; (i = ln_quant_debug_suggestion(r->debug, n)) >= 0; n++) {
    char selector[24];
    snprintf(selector, sizeof selector, "op:%d", debug_row(r->debug, i).op);
    json_string(j, NULL, selector);
  }
  json_end(j, ']');
  json_check(j, &r->check);
  json_array(j, "rows");
  for (int32_t i = 0; i < ln_quant_debug_rows(r->debug); i++) json_row(j, r, i);
  json_end(j, ']');
}

void debug_print_json(const debug_result *r, FILE *out) {
  json j;
  json_begin(&j, out);
  json_object(&j, NULL);
  json_result(&j, r);
  json_end(&j, '}');
}

/* A field of a CSV file. */
static void csv_text(const char *text, FILE *out) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"') fputc('"', out);
    fputc(*text == '\n' || *text == '\r' ? ' ' : *text, out);
  }
  fputc('"', out);
}

void debug_print_csv(const debug_result *r, FILE *out) {
  fprintf(out, "op,operator,name,quantized_name,kind,type,elements");
  for (size_t i = 0; i < CLI_COUNT(figures); i++) fprintf(out, ",%s", figures[i].name);
  fprintf(out, ",suggested\n");
  for (int32_t k = 0; k < ln_quant_debug_rows(r->debug); k++) {
    const ln_quant_row row = debug_row(r->debug, k);
    fprintf(out, "%d,%s,", row.op, row.operator_name);
    csv_text(row.name, out);
    fputc(',', out);
    csv_text(row.quantized_name, out);
    fprintf(out, ",%s,%s,%lld", row.constant ? "constant" : "tensor", ln_type_name(row.type), (long long)row.elements);
    for (size_t i = 0; i < CLI_COUNT(figures); i++) {
      const double value = figure_of(&row, &figures[i]);
      fputc(',', out);
      if (isfinite(value)) fprintf(out, "%.7g", value);
    }
    fprintf(out, ",%d\n", row.suggested);
  }
}

/* ---- the page ---- */

static void json_operands(json *j, const char *key, const ln_op *op, bool outputs) {
  json_flat_array(j, key);
  for (int32_t i = 0; i < (outputs ? ln_op_output_count(op) : ln_op_input_count(op)); i++) {
    json_int(j, NULL, outputs ? ln_op_output(op, i) : ln_op_input(op, i));
  }
  json_end(j, ']');
}

/* The graph in floats: what the page draws. */
static void json_graph(json *j, const ln_graph *graph) {
  json_flat_array(j, "inputs");
  for (int32_t i = 0; i < ln_graph_input_count(graph); i++) json_int(j, NULL, ln_graph_input(graph, i));
  json_end(j, ']');
  json_array(j, "ops");
  for (int32_t i = 0; i < ln_graph_op_count(graph); i++) {
    const ln_op *op = ln_graph_op(graph, i);
    json_flat_object(j, NULL);
    json_string(j, "op", ln_op_name(op));
    json_operands(j, "inputs", op, false);
    json_operands(j, "outputs", op, true);
    json_end(j, '}');
  }
  json_end(j, ']');
}

void debug_print_page(const debug_result *r, FILE *out) {
  char *data = NULL;
  size_t size = 0;
  FILE *inner = open_memstream(&data, &size);
  if (!inner) return;
  json j;
  json_begin(&j, inner);
  json_object(&j, NULL);
  json_result(&j, r);
  json_graph(&j, r->f_graph);
  json_end(&j, '}');
  if (fclose(inner) == 0) cli_write_page(linnet_debug_page, linnet_debug_page_size, data, size, out);
  free(data);
}
