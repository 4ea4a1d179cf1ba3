# What `make install` lays down: libraries, headers, the tool, a pkg-config file and a CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS linnet linnet_shared linnet_io tensorflowlite_c EXPORT linnet_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS linnet_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/linnet include/tensorflow DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

configure_file(cmake/linnet.pc.in ${CMAKE_BINARY_DIR}/linnet.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/linnet.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/linnet)
install(EXPORT linnet_targets NAMESPACE linnet:: FILE linnet-targets.cmake DESTINATION ${package_dir})
configure_package_config_file(cmake/linnet-config.cmake.in ${CMAKE_BINARY_DIR}/linnet-config.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/linnet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/linnet-config.cmake ${CMAKE_BINARY_DIR}/linnet-config-version.cmake
  DESTINATION ${package_dir})
