/* Values of images between their elements: what GridSample, RoiAlign and DeformConv share. */
#ifndef LN_IMPORT_ONNX_ONNX_SAMPLE_H
#define LN_IMPORT_ONNX_ONNX_SAMPLE_H

#include "import/onnx/onnx.h"

typedef enum ln_onnx_edge { LN_ONNX_EDGE_ZEROS, LN_ONNX_EDGE_BORDER, LN_ONNX_EDGE_REFLECT } ln_onnx_edge;
typedef enum ln_onnx_between { LN_ONNX_NEAREST, LN_ONNX_LINEAR, LN_ONNX_CUBIC } ln_onnx_between;

typedef struct ln_onnx_image {
  int32_t data;             /* [images * places, channels] */
  int32_t rank;             /* spatial dimensions */
  int32_t size[3], real[3]; /* of them, outermost first: int32 and float32 scalars */
  int32_t places;           /* int32 scalar: elements of an image */
  ln_onnx_edge edge;
  bool corners; /* reflections turn at the centers of the outermost elements, not at their edges */
  bool largest; /* of the weighted elements, not their sum: what ONNX's RoiAlign calls max */
  double cubic;
} ln_onnx_image;

/* From [n, c, ...], as float32. */
ln_onnx_image ln_onnx_open_image(ln_emit *e, int32_t a);
/* [..., c]: at float32 coordinates [...] for each spatial dimension, which broadcast; `base` int32 [...]: where each
 * one's image begins. */
int32_t ln_onnx_sample(ln_emit *e, const ln_onnx_image *image, const int32_t *at, int32_t base, ln_onnx_between how);

#endif
