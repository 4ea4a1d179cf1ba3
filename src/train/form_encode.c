/* The last form: weights stored in the smallest form that those who read the file can take, by the optimizer's encode.
 */
#include "optimize/recipe.h"

#include "train/form.h"

static const ln_parameter parameters[] = {
    {"encode", LN_PARAMETER_CHOICE, NULL, "auto|smallest|dense|sparse|table|stock", 0, 0,
     "how the result's weights are stored: see encode of `linnet optimize`; without it they stand as they are"},
    {0}};

static ln_status begin(ln_trainer *t, void **state) {
  (void)t;
  *state = NULL;
  return LN_OK;
}

static ln_status finish(ln_trainer *t, void *state, ln_optimizer *o) {
  ln_recipe *recipe = NULL;
  (void)state;
  LN_TRY(ln_recipe_create(t->err, &recipe));
  ln_status status = ln_recipe_add(recipe, "encode", t->err);
  if (status == LN_OK) {
    status = ln_recipe_set(recipe, "form", ln_setting_text(t->settings, parameters, "encode"), t->err);
  }
  if (status == LN_OK) status = ln_form_technique(o, recipe->first);
  ln_recipe_destroy(recipe);
  return status;
}

const ln_form_def ln_form_encode = {.name = "encode",
                                    .what = "the result's weights are stored smaller",
                                    .parameters = parameters,
                                    .begin = begin,
                                    .finish = finish};
