/* Files that the tool carries, made into arrays by cmake/embed.cmake. */
#ifndef LINNET_TOOL_EMBEDDED_H
#define LINNET_TOOL_EMBEDDED_H

#include <stddef.h>
#include <stdio.h>

#define CLI_DEMO_MODEL "demo:" /* what stands for it in place of a file's name */

extern const unsigned char
    linnet_demo_model[]; /* models/fashion_mnist.tflite: the bytes of a .tflite file, for ln_model_from_memory */
extern const size_t linnet_demo_model_size;

extern const unsigned char linnet_profile_page[]; /* profile.html, its data in place of a mark */
extern const size_t linnet_profile_page_size;

extern const unsigned char linnet_debug_page[]; /* debug_quant.html, likewise */
extern const size_t linnet_debug_page_size;

extern const unsigned char linnet_compare_page[]; /* compare.html, likewise */
extern const size_t linnet_compare_page_size;

extern const unsigned char linnet_train_page[]; /* train_log.html, likewise */
extern const size_t linnet_train_page_size;

extern const unsigned char linnet_convert_page[]; /* convert.html, likewise */
extern const size_t linnet_convert_page_size;

extern const unsigned char linnet_page_style[]; /* page.css: what all of them begin their style with */
extern const size_t linnet_page_style_size;

/* A page with the style and the data, JSON, in place of their marks, both of which it has; inside a script element no
 * "<" may begin a tag. */
void cli_write_page(const unsigned char *page, size_t page_size, const char *data, size_t size, FILE *out);

#endif
