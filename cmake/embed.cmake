# Turns a file into a C array: cmake -DINPUT=FILE -DOUTPUT=FILE.c -DNAME=symbol -P embed.cmake
# defines `const unsigned char NAME[]`, aligned as a file's map is, and `const size_t NAME_size`.
file(READ ${INPUT} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <stddef.h>
extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_size;
__attribute__((aligned(64))) const unsigned char ${NAME}[] = {
${bytes}};
const size_t ${NAME}_size = ${size};
")
