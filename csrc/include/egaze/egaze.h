/* The C interface of egaze's runtime, for programs in C, C#, Java, Rust and other languages. The shared library
 * exports it.
 *
 * Every function that can fail returns a status. After a failure, egaze_last_error() describes it in one line; each
 * thread has its own last error. No function prints, ends the program or throws. Strings are UTF-8; paths are in the
 * system's encoding.
 */
#ifndef EGAZE_EGAZE_H
#define EGAZE_EGAZE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define EGAZE_C_API __attribute__((visibility("default")))
#else
#define EGAZE_C_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The values of egaze::ErrorCode, which egaze/error.hpp documents, and three of the C interface's own. */
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

/* A loaded model. A predictor may be used by one thread at a time. */
typedef struct egaze_predictor egaze_predictor;

/* A structure of zeros holds the defaults. */
typedef struct egaze_options {
  const char* device; /* "cpu", "cuda" or "cuda:N"; NULL is "cpu" */
  int threads;        /* threads within one prediction, for the whole process; 0 keeps the engine's default */
  int precision;      /* EGAZE_PRECISION_... */
} egaze_options;

/* How large the program of a model file may be; egaze::ModelLimits documents the limits and their defaults. In a
 * structure of zeros, every limit has its default. */
typedef struct egaze_model_limits {
  int64_t nodes;
  int64_t nesting;
  int64_t bytes_at_work;
  int64_t multiplications;
} egaze_model_limits;

/* The conditions that a model file must meet to be loaded. A structure of zeros accepts every valid file within the
 * default limits. Trusted keys are Ed25519 public keys as PEM text, whose private keys `egaze export --sign` takes: if
 * there are any, one of them must have signed the file. */
typedef struct egaze_checks {
  const char* const* trusted_keys;
  size_t trusted_key_count;
  egaze_model_limits limits;
} egaze_checks;

/* A greyscale radiograph with any memory layout, in the MONOCHROME2 sense. The caller keeps ownership of the memory. */
typedef struct egaze_radiograph {
  const void* data;
  int type; /* EGAZE_UINT8, EGAZE_UINT16 or EGAZE_FLOAT32 */
  size_t height;
  size_t width;
  ptrdiff_t row_stride_bytes; /* may be negative */
  ptrdiff_t column_stride_bytes;
  const float* table; /* for integers: value v means table[v]; if NULL, values are divided by their type's maximum */
  size_t table_size;
} egaze_radiograph;

/* The DICOM attributes that a viewer knows of the pixels it stores; see egaze::StoredGrayscale. */
typedef struct egaze_grayscale {
  double rescale_slope; /* not 0 */
  double rescale_intercept;
  double window_centre;
  double window_width; /* 0 for no window: the radiograph's minimum becomes black and its maximum white */
  int monochrome1;     /* not 0 if low values are bright */
} egaze_grayscale;

/* The version of the library, such as "0.1.0"; the engines that are built in, such as "torch 2.14.1, openvino 2026.4.1";
 * and the version of the libtorch among them, "" without it. */
EGAZE_C_API const char* egaze_version(void);
EGAZE_C_API const char* egaze_engine_versions(void);
EGAZE_C_API const char* egaze_torch_version(void);

/* The name of a status, such as "model_digest"; "ok" for EGAZE_OK. */
EGAZE_C_API const char* egaze_status_name(egaze_status status);

/* The message of the last failed call in this thread; "" if none has failed. Valid until the thread's next call. */
EGAZE_C_API const char* egaze_last_error(void);

/* Checks and loads a model file. options may be NULL for the defaults. *predictor is NULL on failure. */
EGAZE_C_API egaze_status egaze_create(const char* model_path, const egaze_options* options,
                                      egaze_predictor** predictor);

/* Flags of egaze_create_with_flags, combined by bitwise or. */
enum {
  /* Reuses the memory of one radiograph's tensors for the next, which installs an allocator in front of libtorch's in
   * this process. egaze::PredictorOptions::tensor_arena, in egaze/predictor.hpp, documents the gain and the cost. */
  EGAZE_TENSOR_ARENA = 1,
  /* Also predicts a heatmap of each class, for egaze_predict_class_heatmaps. A model without them
   * (egaze_has_class_heatmaps) is refused: EGAZE_INVALID_ARGUMENT. */
  EGAZE_CLASS_HEATMAPS = 2,
  /* Name the engine: torch runs TorchScript files, OpenVINO files named .onnx. Without them the file's suffix decides. A
   * file of the other kind is refused, and so is an engine that is not built in: EGAZE_INVALID_ARGUMENT. */
  EGAZE_ENGINE_TORCH = 4,
  EGAZE_ENGINE_OPENVINO = 8
};

/* Like egaze_create, with flags: egaze_options has a fixed size and no room for further options. */
EGAZE_C_API egaze_status egaze_create_with_flags(const char* model_path, const egaze_options* options, unsigned flags,
                                                 egaze_predictor** predictor);

/* Like egaze_create_with_flags, with conditions for the model file; checks may be NULL for the defaults. Returns
 * EGAZE_MODEL_SIGNATURE for a file that none of the keys signed, EGAZE_MODEL_OPERATOR for a program that exceeds a limit,
 * and EGAZE_INVALID_ARGUMENT for a text that is not a key, for any key in a build without OpenSSL, and for a limit that
 * is out of range. */
EGAZE_C_API egaze_status egaze_create_checked(const char* model_path, const egaze_options* options, unsigned flags,
                                              const egaze_checks* checks, egaze_predictor** predictor);

/* Destroys a predictor; does nothing if it is NULL. */
EGAZE_C_API void egaze_free(egaze_predictor* predictor);

/* The number of classes, and their names in the order of the probabilities; NULL for an index out of range. The
 * predictor owns the names. */
EGAZE_C_API size_t egaze_class_count(const egaze_predictor* predictor);
EGAZE_C_API const char* egaze_class_name(const egaze_predictor* predictor, size_t index);

/* What the classes are: "exclusive" if a radiograph has one of them, "independent" if it has any number. The predictor
 * owns the text. */
EGAZE_C_API const char* egaze_label_kind(const egaze_predictor* predictor);

/* The threshold of a class's probability that the model file carries, NaN if it has none or the index is out of range;
 * and how the thresholds were chosen, such as "Youden, chosen on validation", "" without any. Probabilities do not
 * depend on them. The predictor owns the text. */
EGAZE_C_API double egaze_class_threshold(const egaze_predictor* predictor, size_t index);
EGAZE_C_API const char* egaze_threshold_rule(const egaze_predictor* predictor);

/* The heatmap's height and width, and whether the model predicts one (1); if it does not (0), heatmaps are zeros. */
EGAZE_C_API size_t egaze_heatmap_height(const egaze_predictor* predictor);
EGAZE_C_API size_t egaze_heatmap_width(const egaze_predictor* predictor);
EGAZE_C_API int egaze_has_heatmap(const egaze_predictor* predictor);

/* Whether the model also predicts a heatmap of each class (1) or not (0). */
EGAZE_C_API int egaze_has_class_heatmaps(const egaze_predictor* predictor);

/* Predicts `count` radiographs in one batch. class_probs receives count * classes values in the order of the
 * radiographs; heatmaps receives count * height * width values, row by row, unless it is NULL. On failure nothing is
 * written. */
EGAZE_C_API egaze_status egaze_predict(egaze_predictor* predictor, const egaze_radiograph* radiographs, size_t count,
                                       float* class_probs, float* heatmaps);

/* The same for one image file, which is read with the model's presentation: .npy, and PNG, JPEG and DICOM if the
 * library was built with them. */
EGAZE_C_API egaze_status egaze_predict_file(egaze_predictor* predictor, const char* image_path, float* class_probs,
                                            float* heatmap);

/* The same two for a predictor that was created with EGAZE_CLASS_HEATMAPS; others fail with EGAZE_INVALID_ARGUMENT.
 * class_heatmaps receives count * classes * height * width values: for each radiograph the heatmaps of its classes, in
 * the order of the classes. */
EGAZE_C_API egaze_status egaze_predict_class_heatmaps(egaze_predictor* predictor, const egaze_radiograph* radiographs,
                                                      size_t count, float* class_probs, float* heatmaps,
                                                      float* class_heatmaps);
EGAZE_C_API egaze_status egaze_predict_file_class_heatmaps(egaze_predictor* predictor, const char* image_path,
                                                           float* class_probs, float* heatmap, float* class_heatmaps);

/* What egaze_predict_file ignored or corrected in the header of the last file, such as "Rescale Slope 0 ignored": one
 * note per line, "" if there are none. The predictor owns the text, which is valid until its next call. */
EGAZE_C_API const char* egaze_radiograph_notes(const egaze_predictor* predictor);

/* Fills a radiograph's table from its DICOM attributes and the model's presentation: 256 values for uint8, 65,536 for
 * uint16. */
EGAZE_C_API egaze_status egaze_presentation_table(const egaze_predictor* predictor, const egaze_radiograph* stored,
                                                  const egaze_grayscale* grayscale, float* table);

#ifdef __cplusplus
}
#endif

#endif
