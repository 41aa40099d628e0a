# embed_text(TARGET VARIABLE FILE): the file's text as `extern const std::string_view VARIABLE` in namespace rebalance.
function(embed_text target variable file)
  file(READ ${PROJECT_SOURCE_DIR}/${file} EMBEDDED_TEXT)
  set(EMBEDDED_VARIABLE ${variable})
  set(EMBEDDED_FILE ${file})
  configure_file(${PROJECT_SOURCE_DIR}/cmake/embedded.cpp.in ${PROJECT_BINARY_DIR}/embedded/${variable}.cpp @ONLY)
  target_sources(${target} PRIVATE ${PROJECT_BINARY_DIR}/embedded/${variable}.cpp)
  # A changed file runs this again.
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
endfunction()
