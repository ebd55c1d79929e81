# egaze_python_package(NAME FOLDER FAULT) sets FOLDER to the folder of a package of Python, the active virtual
# environment's first, or FAULT to the reason why there is none.
function(egaze_python_package name folder fault)
  if(DEFINED ENV{VIRTUAL_ENV} AND EXISTS "$ENV{VIRTUAL_ENV}/bin/python")
    set(python "$ENV{VIRTUAL_ENV}/bin/python")
  else()
    find_package(Python3 QUIET COMPONENTS Interpreter)
    set(python "${Python3_EXECUTABLE}")
  endif()
  set(found "")
  if(python)
    # find_spec locates a package without the seconds that importing it can take.
    execute_process(
      COMMAND "${python}" -c
        "import importlib.util as u, os; s = u.find_spec('${name}'); print(os.path.dirname(s.origin) if s else '')"
      OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  set(${folder} "${found}" PARENT_SCOPE)
  if(NOT found)
    set(${fault} "${name} is not installed for the Python at '${python}'" PARENT_SCOPE)
  endif()
endfunction()
