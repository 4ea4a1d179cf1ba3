/* Placeholder so that the folder builds; replaced with the first reader. */
typedef int ln_io_empty;
