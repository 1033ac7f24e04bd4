#!/bin/sh
# Read by dracut before the root file system is entered. Comes back if that has an init, or nothing can be done.
/usr/lib/health-checker/rescue check "${NEWROOT:-/sysroot}"
