# Debian packages: ninja -C build/release packages, or ./dev packages. They land in build/<preset>/packages.
#
# One package per program. What is installed has the paths of a Debian system: `cmake --install` is for
# packages alone. Man pages and completions are what the programs say of themselves.

set(generated ${CMAKE_BINARY_DIR}/package)
set(generated_files
  ${generated}/fustor.1.gz ${generated}/fustor-agent.8.gz ${generated}/fustor-fusion.8.gz
  ${generated}/fustor.bash ${generated}/_fustor ${generated}/fustor.fish ${generated}/changelog.gz)
add_custom_command(OUTPUT ${generated_files}
  COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/package_files.py ${CMAKE_BINARY_DIR}/bin ${generated}
  DEPENDS fustor fustor-agent fustor-fusion ${CMAKE_SOURCE_DIR}/tools/package_files.py
    ${CMAKE_SOURCE_DIR}/CHANGELOG.md
  COMMENT "Writing man pages and completions" VERBATIM)
add_custom_target(package_files DEPENDS ${generated_files})
add_custom_target(packages
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${CMAKE_BINARY_DIR}/packages
  COMMAND ${CMAKE_CPACK_COMMAND} -G DEB --config ${CMAKE_BINARY_DIR}/CPackConfig.cmake
    -B ${CMAKE_BINARY_DIR}/packages
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${CMAKE_BINARY_DIR}/packages/_CPack_Packages
  DEPENDS package_files USES_TERMINAL VERBATIM)

set(deploy ${CMAKE_SOURCE_DIR}/deploy)
function(fustor_documents package)
  install(FILES ${deploy}/debian/copyright ${generated}/changelog.gz
    DESTINATION usr/share/doc/${package} COMPONENT ${package})
  if(EXISTS ${deploy}/debian/${package}.lintian)
    install(FILES ${deploy}/debian/${package}.lintian RENAME ${package}
      DESTINATION usr/share/lintian/overrides COMPONENT ${package})
  endif()
endfunction()

install(TARGETS fustor RUNTIME DESTINATION usr/bin COMPONENT fustor)
install(FILES ${generated}/fustor.1.gz DESTINATION usr/share/man/man1 COMPONENT fustor)
install(FILES ${generated}/fustor.bash RENAME fustor
  DESTINATION usr/share/bash-completion/completions COMPONENT fustor)
install(FILES ${generated}/_fustor DESTINATION usr/share/zsh/vendor-completions COMPONENT fustor)
install(FILES ${generated}/fustor.fish DESTINATION usr/share/fish/vendor_completions.d COMPONENT fustor)
fustor_documents(fustor)

foreach(service agent fusion)
  set(package fustor-${service})
  install(TARGETS ${package} RUNTIME DESTINATION usr/bin COMPONENT ${package})
  install(FILES ${generated}/${package}.8.gz DESTINATION usr/share/man/man8 COMPONENT ${package})
  install(FILES ${deploy}/systemd/${package}.service DESTINATION lib/systemd/system COMPONENT ${package})
  install(FILES ${deploy}/sysusers/${package}.conf DESTINATION usr/lib/sysusers.d COMPONENT ${package})
  # Keys will stand in it: only root and the service read it, from the first moment on.
  install(FILES ${deploy}/config/${service}.yaml DESTINATION etc/fustor/${service}-config
    PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ COMPONENT ${package})
  fustor_documents(${package})
endforeach()
install(FILES ${deploy}/prometheus/fustor.rules.yml ${deploy}/grafana/fustor.json
  DESTINATION usr/share/doc/fustor-fusion/examples COMPONENT fustor-fusion)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fustor)
set(CPACK_PACKAGE_VENDOR Fustor)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Fustor maintainers <maintainers@fustor.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX "/")
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL fustor fustor-agent fustor-fusion)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ
  GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FUSTOR_PACKAGE_NAME fustor)
set(CPACK_DEBIAN_FUSTOR_DESCRIPTION "live picture of file trees, on the command line
Watches directories and answers ls, tree, du and find from memory instead of
walking over the disk; asks a Fusion on this or another host. 'fustor up DIR'
is all it takes on one machine.")
foreach(service agent fusion)
  string(TOUPPER FUSTOR-${service} component)
  set(CPACK_DEBIAN_${component}_PACKAGE_NAME fustor-${service})
  set(CPACK_DEBIAN_${component}_PACKAGE_RECOMMENDS fustor)
  set(CPACK_DEBIAN_${component}_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | passwd")
  set(scripts ${CMAKE_BINARY_DIR}/debian/fustor-${service})
  foreach(script postinst prerm postrm)
    set(SERVICE fustor-${service})
    set(CONFIG ${service})
    set(SERVICE_USER fustor)
    set(STATE fustor)
    if(service STREQUAL "agent")
      set(SERVICE_USER fustor-agent)
      set(STATE fustor-agent)
    endif()
    configure_file(${deploy}/debian/${script}.in ${scripts}/${script} @ONLY
      FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
        WORLD_EXECUTE)
  endforeach()
  file(CONFIGURE OUTPUT ${scripts}/conffiles CONTENT "/etc/fustor/@service@-config/@service@.yaml\n" @ONLY)
  set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA
    ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm ${scripts}/conffiles)
endforeach()
set(CPACK_DEBIAN_FUSTOR-AGENT_DESCRIPTION "live picture of file trees, the agent
Scans file trees and watches them, and tells Fusion what is in them and what
changes. Never opens a file and never writes to what it watches.")
set(CPACK_DEBIAN_FUSTOR-FUSION_DESCRIPTION "live picture of file trees, the server
Takes what agents report, keeps one tree per view in memory, and answers
questions about them over HTTP.")
include(CPack)
