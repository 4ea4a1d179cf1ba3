/* Pages that the tool carries, with data put into them. */
#include <string.h>

#include "embedded.h"

void cli_write_page(const unsigned char *page, size_t page_size, const char *data, size_t size, FILE *out) {
  static const char mark[] = "/*DATA*/";
  size_t at = 0;
  while (at + sizeof mark <= page_size && memcmp(page + at, mark, sizeof mark - 1) != 0) at++;
  fwrite(page, 1, at, out);
  for (size_t i = 0; i < size; i++) {
    if (data[i] == '<') fputs("\\u003c", out);
    else fputc(data[i], out);
  }
  at += sizeof mark - 1;
  if (at < page_size) fwrite(page + at, 1, page_size - at, out);
}
