//! One program for all tests against real servers, mirroring the URL tree.

mod http;
