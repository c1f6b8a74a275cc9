//! Rule 1: the cycle.
