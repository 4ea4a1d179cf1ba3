/*
 * Lists of tensors: what a variant tensor holds. The tensor's data is one pointer to a list; lists and their elements
 * are shared and never changed, so that a copy of either is one more holder: an operator that changes a list makes
 * another one of the same elements. One session's run makes and drops them: no locks. What they take counts against the
 * session's memory limit.
 */
#ifndef LN_OPS_TENSOR_LIST_H
#define LN_OPS_TENSOR_LIST_H

#include "ops/host.h"

typedef struct ln_list_item {
  size_t holders;
  ln_type type;
  ln_shape shape;
  void *data; /* as a tensor has it; of a variant NULL */
  size_t bytes;
  struct ln_list *list; /* of a variant */
  size_t *account;
} ln_list_item;

/* A shape of which not all is known. */
typedef struct ln_part_shape {
  bool ranked;
  ln_shape shape; /* -1 for a dimension that is not known */
} ln_part_shape;

typedef struct ln_list {
  size_t holders;
  ln_type type; /* of the elements */
  ln_part_shape shape;
  int32_t most;  /* elements that it may have; -1 any number */
  int32_t depth; /* lists within lists */
  int32_t count;
  ln_list_item **items; /* [count]; NULL where none was set */
  size_t *account;      /* bytes of the session's lists */
} ln_list;

/* The list of a variant tensor; NULL when there is none. */
static inline ln_list *ln_tensor_list(const ln_tensor *tensor) {
  const bool holds = tensor->type == LN_VARIANT && tensor->data != NULL && tensor->bytes == sizeof(ln_list *);
  return holds ? *(ln_list *const *)tensor->data : NULL;
}

/* A holder more (NULL is fine); one less, the last frees it. */
ln_list *ln_list_hold(ln_list *list);
void ln_list_release(ln_list *list);
/* A variant tensor that has memory lets go of its list and takes over the holder of another. */
void ln_tensor_take_list(ln_tensor *tensor, ln_list *list);

/* For run functions, each made with one holder: a list of `count` elements of which none is set, or `like`'s type,
 * shape and elements as far as they go; */
ln_status ln_list_make(const ln_node *node, ln_type type, const ln_part_shape *shape, int64_t count, ln_error *err,
                       ln_list **out);
ln_status ln_list_copy(const ln_node *node, const ln_list *like, int64_t count, ln_error *err, ln_list **out);
/* an element of `count` elements of `tensor` from `first` on, under `shape`. Strings have been checked. */
ln_status ln_list_item_make(const ln_node *node, const ln_tensor *tensor, size_t first, size_t count,
                            const ln_shape *shape, ln_error *err, ln_list_item **out);
/* an element of zeros, or of empty strings. */
ln_status ln_list_item_zeros(const ln_node *node, ln_type type, const ln_shape *shape, ln_error *err,
                             ln_list_item **out);
/* Element `index`, which exists, becomes `item`, whose holder the list takes over; the list is new. */
void ln_list_set(ln_list *list, int32_t index, ln_list_item *item);

/* Output `index` becomes the list, whose holder it takes over (when that fails, too). */
ln_status ln_list_give(const ln_node *node, int32_t index, ln_list *list, ln_error *err);

/* Part of an output: an element of a list, or as many zeros (empty strings) where it is NULL. */
typedef struct ln_list_part {
  const ln_list_item *item;
  size_t end; /* elements of the output up to and with this part */
} ln_list_part;
/* Output `index` of `shape` is made of the parts one after another. */
ln_status ln_list_join(const ln_node *node, int32_t index, const ln_shape *shape, const ln_list_part *parts,
                       size_t count, ln_error *err);

#endif
