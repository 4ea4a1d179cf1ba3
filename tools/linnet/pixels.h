/* Pictures whose files hold signed bytes. */
#ifndef LINNET_CLI_PIXELS_H
#define LINNET_CLI_PIXELS_H

#include <stdbool.h>

#include "linnet/io.h"

/* Between signed bytes (-128 black, 127 white) and unsigned ones. */
void cli_pixels_flip(ln_image *image);
/* Whether a grey picture is surely a dump of signed bytes, as some example pictures of TensorFlow Lite Micro are: read
 * as unsigned, its edges wrap around. Never so of some 10,000 ordinary pictures; of real dumps one in four is sure
 * enough. */
bool cli_pixels_look_signed(const ln_image *image);

#endif
