# use_library(TARGET NAME HEADER LIBRARY): has TARGET use an outside library where there is one, with LN_HAVE_NAME=1. Looked for by
# header and library, so that pkg-config is not needed.
function(use_library target name header library)
  find_path(LINNET_${name}_INCLUDE ${header})
  find_library(LINNET_${name}_LIBRARY ${library})
  mark_as_advanced(LINNET_${name}_INCLUDE LINNET_${name}_LIBRARY)
  if(LINNET_${name}_INCLUDE AND LINNET_${name}_LIBRARY)
    target_compile_definitions(${target} PRIVATE LN_HAVE_${name}=1)
    target_include_directories(${target} SYSTEM PRIVATE ${LINNET_${name}_INCLUDE})
    target_link_libraries(${target} PUBLIC ${LINNET_${name}_LIBRARY})
  else()
    message(STATUS "lib${library} was not found: ${target} is built without it")
  endif()
endfunction()
