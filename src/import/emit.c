#include "import/emit.h"
ln_status ln_emit_finish_model(ln_import *import) { return import->status; }
