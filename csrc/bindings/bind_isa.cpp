// Which instruction set the kernels run on.
#include <cstdlib>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings/bind.h"
#include "vision/dispatch.h"

namespace py = pybind11;

namespace edgecore {

namespace {

std::vector<std::string> isa_available() {
    std::vector<std::string> names;
    for (const Kernels* const* set = available_kernels(); *set; ++set)
        names.emplace_back((*set)->isa);
    return names;
}

void isa_force(const std::string& name) {
    if (force_kernels(name.c_str()))
        return;
    std::string text = "instruction set must be one of";
    for (const std::string& known : isa_available())
        text += " " + known;
    throw std::invalid_argument(text + "; got " + name);
}

} // namespace

void bind_isa(py::module_& m) {
    if (const char* forced = std::getenv("EDGECORE_FORCE_ISA"); forced && *forced)
        isa_force(forced);
    m.def("isa_available", &isa_available, "Sets this machine can run, best first.");
    m.def("isa_active", [] { return active_kernels().isa; }, "The set in use.");
    m.def("isa_force", &isa_force, py::arg("name"), "Use this set from now on.");
}

} // namespace edgecore
