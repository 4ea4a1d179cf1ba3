/* All of the public interface but linnet/io.h and linnet/data.h, which stand in a library of their own. */
#ifndef LINNET_LINNET_H
#define LINNET_LINNET_H

#include "linnet/allocator.h"
#include "linnet/builder.h"
#include "linnet/debug.h"
#include "linnet/compressor.h"
#include "linnet/inspect.h"
#include "linnet/metadata.h"
#include "linnet/model.h"
#include "linnet/op.h"
#include "linnet/op_test.h"
#include "linnet/optimize.h"
#include "linnet/session.h"
#include "linnet/status.h"
#include "linnet/tensor.h"
#include "linnet/train.h"
#include "linnet/version.h"

#endif
