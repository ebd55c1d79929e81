/* The C interface of egaze's runtime, for programs in C, C#, Java, Rust and others. It is in the shared library.
 *
 * Every function that can fail gives a status; egaze_last_error() then says in one line what was wrong, in the thread
 * that called. Nothing prints, ends the program or throws. Strings are UTF-8 or, for paths, what the system takes.
 */
#ifndef EGAZE_EGAZE_H
#define EGAZE_EGAZE_H

#include <stddef.h>

#if defined(__GNUC__) || defined(__clang__)
#define EGAZE_C_API __attribute__((visibility("default")))
#else
#define EGAZE_C_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What C++'s egaze::ErrorCode says, and its names: see egaze/error.hpp. */
typedef enum egaze_status {
  EGAZE_OK = 0,
  EGAZE_INVALID_ARGUMENT = 1,
  EGAZE_FILE_NOT_FOUND = 2,
  EGAZE_UNREADABLE_IMAGE = 3,
  EGAZE_DEVICE_UNAVAILABLE = 4,
  EGAZE_MODEL_TRUNCATED = 5,
  EGAZE_MODEL_FOREIGN = 6,
  EGAZE_MODEL_ARCHIVE = 7,
  EGAZE_MODEL_VERSION = 8,
  EGAZE_MODEL_SPEC = 9,
  EGAZE_MODEL_DIGEST = 10,
  EGAZE_MODEL_OPERATOR = 11,
  EGAZE_MODEL_FAILED = 12,
  EGAZE_OUT_OF_MEMORY = 13,
  EGAZE_INTERNAL = 14,
  EGAZE_MODEL_SIGNATURE = 15
} egaze_status;

enum { EGAZE_UINT8 = 0, EGAZE_UINT16 = 1, EGAZE_FLOAT32 = 2 };                             /* pixel types */
enum { EGAZE_PRECISION_EXPORTED = 0, EGAZE_PRECISION_FP32 = 1, EGAZE_PRECISION_BF16 = 2 }; /* precisions */

/* A model, ready to answer. Use one per thread. */
typedef struct egaze_predictor egaze_predictor;

/* Zeros are the defaults. */
typedef struct egaze_options {
  const char* device; /* "cpu", "cuda" or "cuda:N"; NULL is "cpu" */
  int threads;        /* for work inside one prediction, process-wide; 0 leaves libtorch's own choice */
  int precision;      /* EGAZE_PRECISION_... */
} egaze_options;

/* A grey radiograph of any layout, in the MONOCHROME2 sense; the memory stays the caller's. */
typedef struct egaze_radiograph {
  const void* data;
  int type; /* EGAZE_UINT8, EGAZE_UINT16 or EGAZE_FLOAT32 */
  size_t height;
  size_t width;
  ptrdiff_t row_stride_bytes; /* may be negative */
  ptrdiff_t column_stride_bytes;
  const float* table; /* for integers: value v stands for table[v]; NULL divides by the largest of the type */
  size_t table_size;
} egaze_radiograph;

/* What a viewer knows of stored pixels, in DICOM's words; see egaze::StoredGrayscale. */
typedef struct egaze_grayscale {
  double rescale_slope; /* not 0 */
  double rescale_intercept;
  double window_centre;
  double window_width; /* 0: no window, the radiograph's extremes become black and white */
  int monochrome1;     /* low values are bright */
} egaze_grayscale;

/* Of the library, such as "0.1.0", and of the libtorch it was built against. */
EGAZE_C_API const char* egaze_version(void);
EGAZE_C_API const char* egaze_torch_version(void);

/* A status's name, such as "model_digest"; "ok" for EGAZE_OK. */
EGAZE_C_API const char* egaze_status_name(egaze_status status);

/* What the last call that failed in this thread had to say; "" before any. Valid until the thread's next call. */
EGAZE_C_API const char* egaze_last_error(void);

/* Checks and loads a model file. options may be NULL. *predictor is NULL on failure. */
EGAZE_C_API egaze_status egaze_create(const char* model_path, const egaze_options* options,
                                      egaze_predictor** predictor);

/* What egaze_create_with_flags takes, added up. */
enum {
  /* Keep the memory of one radiograph's tensors for the next, which puts an allocator before libtorch's in this
   * process: what that gains and costs is said at egaze::PredictorOptions::tensor_arena, in egaze/predictor.hpp. */
  EGAZE_TENSOR_ARENA = 1
};

/* The same with what egaze_options, whose size is fixed, has no room for. 0 is egaze_create. */
EGAZE_C_API egaze_status egaze_create_with_flags(const char* model_path, const egaze_options* options, unsigned flags,
                                                 egaze_predictor** predictor);

/* The same for a model file that one of the keys must have signed: Ed25519 public keys as PEM text, as `egaze export
 * --sign` is given the private one of. EGAZE_MODEL_SIGNATURE for a file that none of them signed; without keys any file
 * is taken. EGAZE_INVALID_ARGUMENT for keys that are none, and for any key in a build without OpenSSL. */
EGAZE_C_API egaze_status egaze_create_trusted(const char* model_path, const egaze_options* options, unsigned flags,
                                              const char* const* trusted_keys, size_t trusted_key_count,
                                              egaze_predictor** predictor);

/* NULL is let pass. */
EGAZE_C_API void egaze_free(egaze_predictor* predictor);

/* The classes in the order of the probabilities; NULL past the last. The text is the predictor's. */
EGAZE_C_API size_t egaze_class_count(const egaze_predictor* predictor);
EGAZE_C_API const char* egaze_class_name(const egaze_predictor* predictor, size_t index);

/* The heatmap's sides, and 1 where it is a prediction; without one it is zeros. */
EGAZE_C_API size_t egaze_heatmap_height(const egaze_predictor* predictor);
EGAZE_C_API size_t egaze_heatmap_width(const egaze_predictor* predictor);
EGAZE_C_API int egaze_has_heatmap(const egaze_predictor* predictor);

/* Answers for `count` radiographs at once, in their order. class_probs takes count * classes values, heatmaps
 * count * height * width, row by row, or is NULL. On failure nothing is written. */
EGAZE_C_API egaze_status egaze_predict(egaze_predictor* predictor, const egaze_radiograph* radiographs, size_t count,
                                       float* class_probs, float* heatmaps);

/* The same for one radiograph file, read with the model's presentation: .npy, and PNG, JPEG and DICOM as built. */
EGAZE_C_API egaze_status egaze_predict_file(egaze_predictor* predictor, const char* radiograph_path, float* class_probs,
                                            float* heatmap);

/* What the last radiograph that egaze_predict_file read says of itself and was not taken at its word, such as
 * "Rescale Slope 0 ignored": a sentence a line, "" for nothing. The text is the predictor's, until its next call. */
EGAZE_C_API const char* egaze_radiograph_notes(const egaze_predictor* predictor);

/* Fills a radiograph's table from DICOM's words and the model's presentation: 256 values for uint8, 65,536 for
 * uint16. */
EGAZE_C_API egaze_status egaze_presentation_table(const egaze_predictor* predictor, const egaze_radiograph* stored,
                                                  const egaze_grayscale* grayscale, float* table);

#ifdef __cplusplus
}
#endif

#endif
