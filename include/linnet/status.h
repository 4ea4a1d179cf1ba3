/* Status codes and the error record that every fallible call fills. */
#ifndef LINNET_STATUS_H
#define LINNET_STATUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define LN_API
#else
#define LN_API __attribute__((visibility("default")))
#endif

/* Pinned numbers, in ranges by area; they are printed and stored, so none is ever given another meaning. */
typedef enum ln_status {
  LN_OK = 0,
  /* general */
  LN_ERR_ARGUMENT = 1, /* a null, out-of-range or inconsistent argument of the call itself */
  LN_ERR_MEMORY = 2,   /* an allocation failed or a size is beyond what can be addressed */
  LN_ERR_INTERNAL = 3, /* a fault of the library: please report it */
  LN_ERR_STATE = 4,    /* the call does not fit the state of the object */
  LN_ERR_LIMIT = 5,    /* a limit set by the caller was reached */
  /* files */
  LN_ERR_IO = 100,      /* the system could not open, read or write */
  LN_ERR_FORMAT = 101,  /* the bytes are not a well-formed file of the kind expected */
  LN_ERR_FEATURE = 102, /* well-formed, but needs a part left out of this build */
  /* models */
  LN_ERR_MODEL = 200,       /* the model contradicts itself */
  LN_ERR_SHAPE = 201,       /* shapes do not fit together */
  LN_ERR_TYPE = 202,        /* an element type that the operator or the call does not take */
  LN_ERR_UNSUPPORTED = 203, /* an operator, attribute or form without a kernel */
  LN_ERR_NOT_FOUND = 204,   /* no signature, tensor or input of that name */
  /* running */
  LN_ERR_DATA = 300,     /* the values given cannot be computed on (an index out of range, say) */
  LN_ERR_CANCELLED = 301 /* ln_session_cancel or the operator callback ended the run */
} ln_status;

/*
 * What went wrong, in one line that names the operator and the tensor where there is one.
 * The caller owns the record; passing NULL to a call means that only the status is wanted.
 */
typedef struct ln_error {
  ln_status status;
  char message[508];
} ln_error;

/* The name of a status ("LN_ERR_SHAPE"); static storage. */
LN_API const char *ln_status_name(ln_status status);

#ifdef __cplusplus
}
#endif
#endif
