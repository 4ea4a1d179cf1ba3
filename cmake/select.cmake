# A small library that holds only what some models need: their operators, each for the element types it meets there.
#
#   linnet_select(NAME MODEL... [TIERS generic|avx2|avxvnni|avx512|avx512vnni|avx512bf16|neon|neondot|neoni8mm ...] [WITH metadata|save|trial|report ...])
#
# defines the shared library NAME and the static one NAME_static, whose public headers are the whole library's. TIERS are
# the tiers of kernels it holds (without it: plain C, and AVX2 on an x86 or NEON on an AArch64); the best that the machine
# has is taken when it runs. Of what does not serve running models, WITH adds the functions of linnet/metadata.h,
# ln_model_save, ln_op_try, and of what tells where time and memory go (ln_session_profile*, ln_session_memory*). The models are read by the linnet tool of this build, or when cross-compiling by the one
# that LINNET_HOST_TOOL names, built from the same sources.
set(LINNET_HOST_TOOL "" CACHE FILEPATH "the linnet tool that linnet_select runs; empty: the one built here")

function(linnet_select name)
  cmake_parse_arguments(PARSE_ARGV 1 select "" "" "TIERS;WITH")
  if(NOT select_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "linnet_select(${name}) names no model")
  endif()
  find_package(Threads REQUIRED)
  set(tiers ${select_TIERS})
  if(NOT tiers)
    set(tiers generic)
    if(LINNET_X86)
      list(APPEND tiers avx2)
    elseif(LINNET_ARM)
      list(APPEND tiers neon)
    endif()
  endif()

  set(models)
  foreach(model ${select_UNPARSED_ARGUMENTS})
    get_filename_component(model ${model} ABSOLUTE)
    list(APPEND models ${model})
  endforeach()
  set(tool ${LINNET_HOST_TOOL})
  if(NOT tool)
    set(tool linnet_cli)
  endif()
  set(header ${CMAKE_CURRENT_BINARY_DIR}/${name}_selection.h)
  add_custom_command(OUTPUT ${header} COMMAND ${tool} select ${models} -o ${header}
    DEPENDS ${models} ${tool} COMMENT "Selecting what ${name} holds" VERBATIM)

  set(tier_bits 1)
  set(sources ${linnet_core_sources})
  list(FILTER sources EXCLUDE REGEX "/kernels/kernels\\.c$|/api/selection\\.c$")
  # The files of each part that WITH names.
  set(metadata_files "/format/metadata\\.c$")
  set(save_files "/api/model_save\\.c$|/format/(write|flatbuffer_encode|zip_tail)\\.c$")
  set(trial_files "/api/op_trial\\.c$")
  set(report_files "/runtime/profile\\.c$")
  set(definitions)
  foreach(part metadata save trial report)
    if(part IN_LIST select_WITH)
      string(TOUPPER LN_WITH_${part} definition)
      list(APPEND definitions ${definition}=1)
    else()
      list(FILTER sources EXCLUDE REGEX "${${part}_files}")
    endif()
  endforeach()
  foreach(tier_place generic=0 avx2=1 avx512=2 avx512vnni=3 avx512bf16=4 avxvnni=5 neon=16 neondot=17 neoni8mm=18) # places: ln_isa
    string(REGEX REPLACE "=.*" "" tier ${tier_place})
    string(REGEX REPLACE ".*=" "" place ${tier_place})
    if(tier IN_LIST tiers)
      math(EXPR tier_bits "${tier_bits} | (1 << ${place})")
    else()
      list(FILTER sources EXCLUDE REGEX "_${tier}\\.c$")
    endif()
  endforeach()

  list(APPEND sources ${linnet_SOURCE_DIR}/src/kernels/slots.c)
  linnet_set_kernel_options(${sources})
  add_library(${name}_objects OBJECT ${sources} ${header})
  target_compile_definitions(${name}_objects PRIVATE LN_SELECTION="${header}" LN_TIERS=${tier_bits}u ${definitions})
  # A section for each function and object, so that the linker drops what nothing refers to; no tables for walking the
  # stack. Kernels keep a level of their own.
  target_compile_options(${name}_objects PRIVATE -Os -ffunction-sections -fdata-sections -fvisibility=hidden
    -fno-asynchronous-unwind-tables -fno-unwind-tables)
  set_target_properties(${name}_objects PROPERTIES LINNET_SMALL ON POSITION_INDEPENDENT_CODE ON C_STANDARD 17
    C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
  target_link_libraries(${name}_objects PRIVATE linnet_flags)
  add_library(${name} SHARED $<TARGET_OBJECTS:${name}_objects>)
  add_library(${name}_static STATIC $<TARGET_OBJECTS:${name}_objects>)
  if(NOT APPLE AND NOT MSVC)
    target_link_options(${name} PRIVATE -Wl,-Bsymbolic-functions) # its own calls need no table of jumps
  endif()
  foreach(library ${name} ${name}_static)
    target_link_libraries(${library} PUBLIC Threads::Threads m)
    target_include_directories(${library} PUBLIC ${linnet_SOURCE_DIR}/include)
    if(APPLE)
      target_link_options(${library} PUBLIC -Wl,-dead_strip)
    elseif(NOT MSVC)
      target_link_options(${library} PUBLIC -Wl,--gc-sections -Wl,-z,noseparate-code)
    endif()
  endforeach()
endfunction()
