/* What `linnet run --profile FILE` keeps of every operator of every run, and writes as a trace or as a page. */
#ifndef LINNET_CLI_PROFILE_H
#define LINNET_CLI_PROFILE_H

#include "cli.h"

typedef struct cli_profile_event {
  const char *op, *tensor, *graph; /* the session's */
  int32_t run, depth;
  int32_t step;        /* once written: as ln_session_profile counts them; -1 of operators in graphs that others run */
  double start_ms, ms; /* from the first run's start */
} cli_profile_event;

typedef struct cli_profile_run {
  double start_ms, ms;
} cli_profile_run;

typedef struct cli_profile {
  cli_profile_event *events;
  cli_profile_run *runs;
  size_t count, capacity;
  int32_t run_count, run_capacity;
  int32_t depth;
  int32_t open[64]; /* events that have begun, by depth */
  double origin_ms;
  bool dropped; /* memory was short, or there were too many events */
} cli_profile;

/* For ln_session_options: user is the profile. */
bool cli_profile_on_operator(void *user, const ln_operator_event *event);
void cli_profile_begin_run(cli_profile *profile);
void cli_profile_end_run(cli_profile *profile);
void cli_profile_free(cli_profile *profile);

/* True for names that a profile can have: .json and .html. */
bool cli_profile_names(const char *path);
/* Writes the file; prints what is wrong and returns an exit status. */
int cli_profile_write(cli_profile *profile, const char *path, const char *model, int32_t threads,
                      const ln_session *session);

#endif
