/* Select-TF operators between numbers and text: StringToNumber, AsString, StringFormat. */
#include <stdio.h>

#include "kernels/number_text.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"
#include "ops/strings.h"
#include "ops/text_map.h"

/* ---- StringToNumber ---- */

static bool parse(ln_span text, ln_tensor *out, size_t i) {
  int64_t integer;
  uint64_t natural;
  switch (out->type) {
    case LN_FLOAT32: return ln_k_parse_f32(text, (float *)out->data + i);
    case LN_FLOAT64: return ln_k_parse_f64(text, (double *)out->data + i);
    case LN_INT64: return ln_k_parse_i64(text, (int64_t *)out->data + i);
    case LN_UINT64: return ln_k_parse_u64(text, (uint64_t *)out->data + i);
    case LN_INT32:
      if (!ln_k_parse_i64(text, &integer) || integer < INT32_MIN || integer > INT32_MAX) return false;
      ((int32_t *)out->data)[i] = (int32_t)integer;
      return true;
    default:
      if (!ln_k_parse_u64(text, &natural) || natural > UINT32_MAX) return false;
      ((uint32_t *)out->data)[i] = (uint32_t)natural;
      return true;
  }
}

ln_status ln_string_to_number_run(const ln_node *node, ln_exec *exec) {
  ln_texts texts;
  char excerpt[40];
  LN_TRY(ln_texts_open(node, 0, exec->err, &texts));
  for (size_t i = 0; i < texts.count; ++i) {
    if (parse(ln_texts_at(&texts, i), node->out[0], i)) continue;
    ln_text_excerpt(ln_texts_at(&texts, i), excerpt, sizeof excerpt);
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "string %zu, \"%s\", is no %s", i, excerpt,
                        ln_type_name(node->out[0]->type));
  }
  return LN_OK;
}

/* ---- AsString ---- */

enum { MOST_WIDTH = 4096, NUMBER_ROOM = 320 }; /* what the digits of the largest double take, and more */

typedef struct formatting {
  char format[16]; /* for printf: a width and a precision are arguments */
  int width, precision;
  char text[MOST_WIDTH + MOST_WIDTH + NUMBER_ROOM];
} formatting;

static bool is_real(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_COMPLEX64 || type == LN_COMPLEX128;
}

/* Builds the format; the same combinations are refused as TensorFlow refuses. */
static ln_status read_format(const ln_node *node, ln_error *err, formatting *f) {
  int64_t width = -1, precision = -1;
  bool scientific = false, shortest = false;
  ln_span fill = {"", 0};
  const ln_type type = node->in[0]->type;
  LN_TRY(ln_attr_int(node, err, "width", INT32_MIN, MOST_WIDTH, &width));
  LN_TRY(ln_attr_int(node, err, "precision", INT32_MIN, MOST_WIDTH, &precision));
  LN_TRY(ln_attr_bool(node, err, "scientific", &scientific));
  LN_TRY(ln_attr_bool(node, err, "shortest", &shortest));
  LN_TRY(ln_text_string(node, err, "fill", &fill));
  if (scientific && shortest) return ln_node_fail(node, err, LN_ERR_MODEL, "is to be both scientific and shortest");
  if (fill.size > 1 || (fill.size == 1 && memchr("+- 0#", fill.data[0], 5) == NULL)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute fill is none of + - 0 # and a space");
  }
  if (!is_real(type) && type != LN_STRING && (scientific || shortest || precision > -1)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "gives a %s the notation of real numbers", ln_type_name(type));
  }
  f->width = width < 0 ? 0 : (int)width;
  f->precision = precision < 0 ? -1 : (int)precision;
  const bool is_unsigned = type == LN_UINT8 || type == LN_UINT16 || type == LN_UINT32 || type == LN_UINT64;
  const char *kind = is_unsigned ? "llu" : "lld";
  if (type == LN_STRING) kind = "s";
  else if (is_real(type)) kind = scientific ? "e" : shortest ? "g" : "f";
  snprintf(f->format, sizeof f->format, "%%%.*s*%s%s", (int)fill.size, fill.data, is_real(type) ? ".*" : "", kind);
  return LN_OK;
}

/* The formats are read_format's, made of what it has checked. */
static void put_real(formatting *f, double value, ln_text_list *out) {
  snprintf(f->text, sizeof f->text, f->format, f->width, f->precision, value);
  ln_k_plain_point(f->text);
  ln_text_put(out, f->text, strlen(f->text));
}

static void put_integer(formatting *f, long long value, ln_text_list *out) {
  snprintf(f->text, sizeof f->text, f->format, f->width, value);
  ln_text_put(out, f->text, strlen(f->text));
}

/* A width makes printf's %s of it, a precision then cuts it; without one the text stays as it is. */
static void put_text(const formatting *f, ln_span text, ln_text_list *out) {
  const bool left = f->format[1] == '-';
  if (f->width > 0 && f->precision >= 0 && (size_t)f->precision < text.size) text.size = (size_t)f->precision;
  const size_t spaces = text.size < (size_t)f->width ? (size_t)f->width - text.size : 0;
  if (left) ln_text_put(out, text.data, text.size);
  for (size_t i = 0; i < spaces; ++i) ln_text_put_byte(out, ' ');
  if (!left) ln_text_put(out, text.data, text.size);
}

static void put_element(const ln_tensor *in, size_t i, formatting *f, ln_text_list *out) {
  const float *single = in->data;
  const double *real = in->data;
  switch (in->type) {
    case LN_BOOL: /* any byte may stand in a tensor */
      if (((const uint8_t *)in->data)[i] != 0) ln_text_put(out, "true", 4);
      else ln_text_put(out, "false", 5);
      break;
    case LN_FLOAT32: put_real(f, (double)single[i], out); break;
    case LN_FLOAT64: put_real(f, real[i], out); break;
    case LN_STRING: put_text(f, ln_string_at(in, i), out); break;
    case LN_COMPLEX64:
    case LN_COMPLEX128:
      for (size_t part = 0; part < 2; ++part) {
        ln_text_put_byte(out, part == 0 ? '(' : ',');
        put_real(f, in->type == LN_COMPLEX64 ? (double)single[2 * i + part] : real[2 * i + part], out);
      }
      ln_text_put_byte(out, ')');
      break;
    default: put_integer(f, (long long)ln_number_at(in, i), out); break;
  }
}

ln_status ln_as_string_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  const size_t count = ln_tensor_count(in);
  formatting f;
  LN_TRY(read_format(node, exec->err, &f));
  if (count > 0) LN_TRY(ln_node_check_strings(node, 0, exec->err));
  ln_text_list out = ln_text_list_make(node);
  for (size_t i = 0; i < count && out.status == LN_OK; ++i) {
    put_element(in, i, &f, &out);
    ln_text_end(&out);
  }
  const ln_status status = ln_text_list_output(&out, 0, &in->shape, exec->err);
  ln_text_list_free(&out);
  return status;
}

/* ---- StringFormat: tensors as TensorFlow prints them, in a template ---- */

typedef struct printer {
  const ln_tensor *tensor;
  size_t ends; /* elements at each end of a dimension */
  ln_text_list *out;
} printer;

static void put_quoted(ln_span text, ln_text_list *out) {
  static const char escaped[] = "\n\r\t\"'\\", letters[] = "nrt\"'\\";
  ln_text_put_byte(out, '"');
  for (size_t i = 0; i < text.size; ++i) {
    const uint8_t c = (uint8_t)text.data[i];
    const char *found = c == 0 ? NULL : strchr(escaped, c);
    char octal[8];
    if (found != NULL) {
      ln_text_put_byte(out, '\\');
      ln_text_put_byte(out, letters[found - escaped]);
    } else if (c < 0x20 || c == 0x7F) {
      snprintf(octal, sizeof octal, "\\%03o", c);
      ln_text_put(out, octal, 4);
    } else {
      ln_text_put_byte(out, (char)c);
    }
  }
  ln_text_put_byte(out, '"');
}

static void print_element(const printer *p, size_t i) {
  char text[LN_NUMBER_TEXT_MAX];
  const ln_tensor *t = p->tensor;
  if (t->type == LN_STRING) {
    put_quoted(ln_string_at(t, i), p->out);
    return;
  }
  if (t->type == LN_FLOAT32) ln_k_format_f32(((const float *)t->data)[i], text);
  else if (t->type == LN_FLOAT64) ln_k_format_f64(((const double *)t->data)[i], text);
  else if (t->type == LN_UINT64) snprintf(text, sizeof text, "%llu", (unsigned long long)ln_number_at(t, i));
  else snprintf(text, sizeof text, "%lld", (long long)ln_number_at(t, i));
  ln_text_put(p->out, text, strlen(text));
}

static void print_spacing(const printer *p, int32_t dim) {
  const int32_t rank = p->tensor->shape.rank;
  for (int32_t i = dim + 1; i < rank; ++i) ln_text_put_byte(p->out, '\n');
  for (int32_t i = 0; i < (dim + 1 == rank ? 1 : dim + 1); ++i) ln_text_put_byte(p->out, ' ');
}

/* A dimension in brackets, its middle left out; as deep as there are dimensions. */
static void print_dim(const printer *p, int32_t dim, size_t start) {
  const ln_shape *shape = &p->tensor->shape;
  if (dim == shape->rank) {
    print_element(p, start);
    return;
  }
  const size_t count = (size_t)shape->dims[dim], step = ln_shape_span(shape, dim + 1, shape->rank);
  const bool cut = count > p->ends && count - p->ends > p->ends;
  ln_text_put_byte(p->out, '[');
  for (size_t i = 0; i < count && p->out->status == LN_OK; ++i) {
    if (cut && i == p->ends) {
      print_spacing(p, dim);
      ln_text_put(p->out, "...", 3);
      i = count - p->ends;
      if (i == count) break;
    }
    if (i > 0) print_spacing(p, dim);
    print_dim(p, dim + 1, start + i * step);
  }
  ln_text_put_byte(p->out, ']');
}

static void print_tensor(const ln_tensor *tensor, int64_t summarize, ln_text_list *out) {
  const size_t count = ln_tensor_count(tensor);
  const printer p = {tensor, summarize < 0 || (uint64_t)summarize > count ? count : (size_t)summarize, out};
  if (p.ends == 0 && tensor->type == LN_BOOL) return; /* as it is there */
  if (p.ends == 0 && tensor->shape.rank == 0) ln_text_put(out, "...", 3);
  else print_dim(&p, 0, 0);
}

static bool starts_with(ln_span text, ln_span prefix) {
  return prefix.size > 0 && text.size >= prefix.size && memcmp(text.data, prefix.data, prefix.size) == 0;
}

static ln_status fill_template(const ln_node *node, ln_span template, ln_span mark, int64_t summarize,
                               ln_text_list *out, ln_error *err) {
  int32_t used = 0;
  while (template.size > 0) {
    const bool marked = starts_with(template, mark);
    const size_t step = marked ? mark.size : 1;
    if (marked && used < node->in_count) print_tensor(node->in[used], summarize, out);
    else if (!marked) ln_text_put_byte(out, template.data[0]);
    used += marked;
    template.data += step;
    template.size -= step;
  }
  if (used == node->in_count) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "its template has %d placeholders for %d tensors", used, node->in_count);
}

ln_status ln_string_format_run(const ln_node *node, ln_exec *exec) {
  const ln_shape scalar = {0};
  ln_span template = {"%s", 2}, mark = template;
  int64_t summarize = 3;
  LN_TRY(ln_text_string(node, exec->err, "template", &template));
  LN_TRY(ln_text_string(node, exec->err, "placeholder", &mark));
  LN_TRY(ln_attr_int(node, exec->err, "summarize", INT64_MIN, INT64_MAX, &summarize));
  for (int32_t i = 0; i < node->in_count; ++i) {
    const ln_tensor *in = node->in[i];
    if (ln_tensor_count(in) > 0) LN_TRY(ln_node_check_strings(node, i, exec->err));
  }
  ln_text_list out = ln_text_list_make(node);
  ln_status status = fill_template(node, template, mark, summarize, &out, exec->err);
  ln_text_end(&out);
  if (status == LN_OK) status = ln_text_list_output(&out, 0, &scalar, exec->err);
  ln_text_list_free(&out);
  return status;
}
