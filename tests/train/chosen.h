/* Settings for tests, from one text. */
#ifndef LN_TESTS_CHOSEN_H
#define LN_TESTS_CHOSEN_H

#include "train/trainer.h"

/* "top_k=2 decision_threshold=0.5": for ln_settings_destroy. */
ln_settings *chosen(const char *text);

#endif
