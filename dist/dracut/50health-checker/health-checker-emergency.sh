#!/bin/sh
# Read by dracut when the boot has failed. Comes back only if nothing was done: then it goes on as without us.
/usr/lib/health-checker/rescue initrd "${action:-Boot} has failed in the initrd"
