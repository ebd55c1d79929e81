# The exported file's checks, compiled into the runtime and into Python's extension alike: standard library only.
set(EGAZE_ARCHIVE_DIR "${CMAKE_CURRENT_LIST_DIR}")
set(EGAZE_FILES_DIR "${CMAKE_CURRENT_LIST_DIR}/../files")  # whose file_bytes.cpp they need beside
set(EGAZE_ARCHIVE_SOURCES "")
foreach(name IN ITEMS crc32 elementwise_rules graph_builder image_rules json model_archive model_spec onnx/image_rules
    onnx/node_builder onnx/node_rules onnx/reading onnx/shape_rules onnx/value_rules onnx/wire onnx/writing onnx_model
    operator_rules operator_signature pickled_tensors product_rules program_lexer program_parser program_writer rules sha256
    shape_rules stored_zip typed_graph zip_member)
  list(APPEND EGAZE_ARCHIVE_SOURCES "${EGAZE_ARCHIVE_DIR}/${name}.cpp")
endforeach()
# A model's digest covers every byte of it: hash fast even in a debug build.
set_source_files_properties("${EGAZE_ARCHIVE_DIR}/crc32.cpp" "${EGAZE_ARCHIVE_DIR}/sha256.cpp" PROPERTIES
  COMPILE_OPTIONS "$<$<CXX_COMPILER_ID:GNU,Clang,AppleClang>:-O3>")
