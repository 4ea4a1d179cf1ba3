/* Reads an ONNX file: whether it is one, its messages, and the model that they describe. */
#include "import/onnx/onnx.h"

#include <string.h>

#include "import/importers.h"
#include "ir/wire.h"

/* ModelProto's fields come in order, the version of the format first. A SavedModel's file begins alike, but what comes
 * second is a graph there and a short text here. */
bool ln_import_is_onnx(const ln_import_source *source) {
  enum { TEXT = 256 };
  if (source->is_folder) return false;
  ln_wire wire = ln_wire_of(source->map.data, source->map.size);
  ln_wire_field field;
  if (!ln_wire_next(&wire, &field) || field.number != 1 || field.kind != LN_WIRE_VARINT) return false;
  if (field.value < 1 || field.value > 1000) return false;
  uint64_t tag, length;
  if (!ln_wire_varint(&wire, &tag) || (tag & 7) != LN_WIRE_BYTES || !ln_wire_varint(&wire, &length)) return false;
  switch (tag >> 3) {
    case 2: /* the producer's name */
      for (size_t i = 0; i < length && i < ln_wire_left(&wire); ++i) {
        if (wire.at[i] < ' ') return false;
      }
      return length < TEXT;
    case 3:
    case 4:
    case 6: return length < (1u << 20);
    case 7:
    case 8: return true;
    default: return false;
  }
}

#ifdef LN_HAVE_PROTOBUF_C

#include "import/protobuf.h"
#include "onnx.pb-c.h"

static int64_t count_nodes(const Onnx__Graph *graph, int32_t depth) {
  int64_t count = (int64_t)graph->n_node;
  for (size_t i = 0; i < graph->n_node && depth < LN_ONNX_DEEPEST; ++i) {
    for (size_t k = 0; k < graph->node[i]->n_attribute; ++k) {
      const Onnx__Attribute *attribute = graph->node[i]->attribute[k];
      if (attribute->g != NULL) count += count_nodes(attribute->g, depth + 1);
    }
  }
  return count;
}

/* Each node may be met many times, as functions are called; but not without end. */
static int64_t budget_of(const Onnx__Model *model) {
  int64_t count = count_nodes(model->graph, 0);
  for (size_t i = 0; i < model->n_functions; ++i) count += (int64_t)model->functions[i]->n_node;
  return 10000 + 64 * count;
}

ln_status ln_import_onnx(ln_import *import) {
  const ln_file_map *map = &import->source->map;
  import->what = "node";
  const Onnx__Model *model =
      (const Onnx__Model *)ln_protobuf_unpack(&onnx__model__descriptor, &import->model->arena, map->data, map->size);
  if (model == NULL) {
    ln_import_fail(import, LN_ERR_FORMAT, "the ONNX model is damaged or cut short: save it anew");
  } else if (model->graph == NULL) {
    ln_import_fail(import, LN_ERR_FORMAT, "the ONNX model holds no graph: save it anew");
  } else {
    ln_onnx onnx = {.import = import, .model = model, .budget = budget_of(model)};
    ln_onnx_emit_model(&onnx);
  }
  return import->status;
}

#else

ln_status ln_import_onnx(ln_import *import) {
  ln_import_fail(
      import, LN_ERR_UNSUPPORTED,
      "this build has no protobuf-c, which reading ONNX needs: install libprotobuf-c-dev and protoc-c and build anew");
  return import->status;
}

#endif
