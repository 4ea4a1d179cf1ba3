/* Pages that the tool carries, with what all pages look like, and data, put into them. */
#include <string.h>

#include "embedded.h"

static size_t find(const unsigned char *page, size_t page_size, size_t at, const char *mark) {
  const size_t length = strlen(mark);
  while (at + length <= page_size && memcmp(page + at, mark, length) != 0) at++;
  return at + length <= page_size ? at : page_size;
}

void cli_write_page(const unsigned char *page, size_t page_size, const char *data, size_t size, FILE *out) {
  static const char style_mark[] = "/*STYLE*/", data_mark[] = "/*DATA*/";
  const size_t style = find(page, page_size, 0, style_mark), at = find(page, page_size, 0, data_mark);
  const size_t behind_style = style + strlen(style_mark), behind = at + strlen(data_mark);
  fwrite(page, 1, style, out);
  fwrite(linnet_page_style, 1, linnet_page_style_size, out);
  fwrite(page + behind_style, 1, at - behind_style, out);
  for (size_t i = 0; i < size; i++) {
    if (data[i] == '<') fputs("\\u003c", out);
    else fputc(data[i], out);
  }
  fwrite(page + behind, 1, page_size - behind, out);
}
