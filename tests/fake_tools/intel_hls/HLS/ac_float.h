#include <ac_float.h> // of the project: Algorithmic C, which Intel delivers a copy of
