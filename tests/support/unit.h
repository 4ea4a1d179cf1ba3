/* cmocka with what it wants included before it. */
#ifndef LN_TESTS_UNIT_H
#define LN_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif
