/* Files given as inputs: read, fitted to the session's inputs, fed before each run. */
#ifndef LINNET_CLI_INPUTS_H
#define LINNET_CLI_INPUTS_H

#include "cli.h"

typedef struct cli_input {
  const char *path;
  int32_t index; /* of the session's input; -1 not decided yet */
  ln_io_kind kind;
  ln_array array; /* of .npy and of text: the exact bytes */
  ln_image image;
  ln_sound sound; /* one channel, at the model's rate */
  ln_tensor_info info;
  bool flipped; /* the picture's bytes were found to be signed */
} cli_input;

typedef struct cli_inputs {
  cli_input *items;
  int32_t count;
  int32_t windows; /* runs it takes until all of the longest sound has been fed; 1 without sound */
  float normalize[2];
} cli_inputs;

/* How pictures are to be taken. */
typedef struct cli_pixels {
  const char *normalize; /* "MEAN,STD" in place of the metadata's; NULL */
  const char *are;       /* "unsigned", "signed" (-128 black, 127 white), "auto" or NULL */
} cli_pixels;

/* Reads `files` ("FILE" or "NAME=FILE") for a session, resizing inputs that the model leaves open. Prints what is
 * wrong and returns an exit status, CLI_OK to go on. */
int cli_inputs_load(const cli_command *self, const cli_model *model, ln_session *session, const cli_list *files,
                    const cli_pixels *pixels, cli_inputs *out);
/* Fills the session's inputs for run `run` (0, 1, ...). */
int cli_inputs_feed(const cli_inputs *inputs, const cli_model *model, ln_session *session, int32_t run);
void cli_inputs_free(cli_inputs *inputs);
/* The first picture among them; NULL when there is none. */
const ln_image *cli_inputs_picture(const cli_inputs *inputs);

#endif
