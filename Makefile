# health-checker: 'make demo' shows it, 'make check' and 'make check-vm' test it, 'make install' installs it.
#
# Directories can be overridden: make install PREFIX=/usr SYSTEMD_UNIT_DIR=/usr/lib/systemd/system …

CARGO ?= cargo
PREFIX ?= /usr
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/health-checker
LIBEXECDIR ?= $(PREFIX)/libexec
MANDIR ?= $(PREFIX)/share/man
HEALTH_CHECKER_BIN_DIR ?= target/release

# Debian 12 says /lib/…, which is /usr/lib/… on every system with a merged /usr.
systemd_dir = $(or $(patsubst /lib/%,/usr/lib/%,$(shell pkg-config --variable=$(1) systemd 2>/dev/null)),$(2))
SYSTEMD_UNIT_DIR ?= $(call systemd_dir,systemdsystemunitdir,$(PREFIX)/lib/systemd/system)
SYSTEMD_GENERATOR_DIR ?= $(call systemd_dir,systemdsystemgeneratordir,$(PREFIX)/lib/systemd/system-generators)
SYSTEMD_PRESET_DIR ?= $(call systemd_dir,systemdsystempresetdir,$(PREFIX)/lib/systemd/system-preset)
GRUB_MKCONFIG_DIR ?= /etc/grub.d
GRUB_DEFAULTS_DIR ?= /etc/default/grub.d
DRACUT_MODULES_DIR ?= $(PREFIX)/lib/dracut/modules.d
INITRAMFS_TOOLS_DIR ?= $(PREFIX)/share/initramfs-tools
KERNEL_INSTALL_DIR ?= /etc/kernel
SYSTEMD_CATALOG_DIR ?= $(call systemd_dir,catalogdir,$(PREFIX)/lib/systemd/catalog)

UNITS = $(wildcard units/*.service units/*.target units/*.slice units/*.timer)
PRESETS = $(wildcard units/*.preset)
CATALOGS = $(wildcard units/*.catalog)
MAN1 = $(wildcard docs/*.1)
MAN5 = $(wildcard docs/*.5)
MAN8 = $(wildcard docs/*.8)
CHECKS = $(wildcard plugins/checks.d/*.check)
PLUGINS = $(wildcard plugins/libexec/*)

.PHONY: all build install install-checks uninstall uninstall-checks install-grub uninstall-grub install-dracut \
	uninstall-dracut install-initramfs-tools uninstall-initramfs-tools install-bls uninstall-bls setup test check check-vm demo bench clean

all: build

# The test tools are not part of the product: 'demo', 'bench' and 'check' build what they need of them.
build:
	$(CARGO) build --release --locked --workspace --exclude health-checker-tests

# Works without root into a DESTDIR. It enables nothing: 'systemctl enable health-checker' does.
install:
	@test -x '$(HEALTH_CHECKER_BIN_DIR)/health-checker' || { echo "'$(HEALTH_CHECKER_BIN_DIR)/health-checker' is not built yet: run 'make' first" >&2; exit 1; }
	install -D -m 0755 '$(HEALTH_CHECKER_BIN_DIR)/health-checker' '$(DESTDIR)$(SBINDIR)/health-checker'
	install -D -m 0755 '$(HEALTH_CHECKER_BIN_DIR)/health-checker-generator' '$(DESTDIR)$(SYSTEMD_GENERATOR_DIR)/health-checker-generator'
	install -D -m 0755 '$(HEALTH_CHECKER_BIN_DIR)/health-probe' '$(DESTDIR)$(BINDIR)/health-probe'
	install -D -m 0755 dist/rescue/health-checker-rescue.sh '$(DESTDIR)$(LIBDIR)/rescue'
	install -m 0644 dist/rescue/health-checker-rescue-system.sh '$(DESTDIR)$(LIBDIR)/rescue-system'
	install -d -m 0755 '$(DESTDIR)$(LIBEXECDIR)/health-checker' '$(DESTDIR)$(SYSTEMD_UNIT_DIR)' '$(DESTDIR)$(SYSTEMD_PRESET_DIR)' '$(DESTDIR)$(SYSTEMD_CATALOG_DIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man5' '$(DESTDIR)$(MANDIR)/man8'
	for unit in $(UNITS); do \
		sed 's|@SBINDIR@|$(SBINDIR)|g; s|@LIBDIR@|$(LIBDIR)|g' "$$unit" > '$(DESTDIR)$(SYSTEMD_UNIT_DIR)'/"$${unit##*/}" && \
		chmod 0644 '$(DESTDIR)$(SYSTEMD_UNIT_DIR)'/"$${unit##*/}" || exit 1; \
	done
	for file in $(PRESETS); do install -m 0644 "$$file" '$(DESTDIR)$(SYSTEMD_PRESET_DIR)' || exit 1; done
	for file in $(CATALOGS); do install -m 0644 "$$file" '$(DESTDIR)$(SYSTEMD_CATALOG_DIR)' || exit 1; done
	for file in $(MAN1); do install -m 0644 "$$file" '$(DESTDIR)$(MANDIR)/man1' || exit 1; done
	for file in $(MAN5); do install -m 0644 "$$file" '$(DESTDIR)$(MANDIR)/man5' || exit 1; done
	for file in $(MAN8); do install -m 0644 "$$file" '$(DESTDIR)$(MANDIR)/man8' || exit 1; done
ifeq ($(DESTDIR),)
	-journalctl --update-catalog
	-systemctl daemon-reload
endif

# The links of 'systemctl enable' go first: one left in boot-complete.target.requires would block the blessing
# of every boot (systemd 257) for a unit that is not there any more. Plugins, settings and state are kept.
uninstall:
	-systemctl --root='$(DESTDIR)/' disable health-checker.service
	rm -f '$(DESTDIR)$(SBINDIR)/health-checker' '$(DESTDIR)$(SYSTEMD_GENERATOR_DIR)/health-checker-generator' '$(DESTDIR)$(BINDIR)/health-probe'
	for unit in $(UNITS); do rm -f '$(DESTDIR)$(SYSTEMD_UNIT_DIR)'/"$${unit##*/}"; done
	for file in $(PRESETS); do rm -f '$(DESTDIR)$(SYSTEMD_PRESET_DIR)'/"$${file##*/}"; done
	for file in $(CATALOGS); do rm -f '$(DESTDIR)$(SYSTEMD_CATALOG_DIR)'/"$${file##*/}"; done
	for file in $(MAN1); do rm -f '$(DESTDIR)$(MANDIR)/man1'/"$${file##*/}"; done
	for file in $(MAN5); do rm -f '$(DESTDIR)$(MANDIR)/man5'/"$${file##*/}"; done
	for file in $(MAN8); do rm -f '$(DESTDIR)$(MANDIR)/man8'/"$${file##*/}"; done
	rm -f '$(DESTDIR)$(LIBDIR)/rescue' '$(DESTDIR)$(LIBDIR)/rescue-system'
	-rmdir '$(DESTDIR)$(LIBEXECDIR)/health-checker' '$(DESTDIR)$(LIBDIR)'
ifeq ($(DESTDIR),)
	-systemctl daemon-reload
endif
	@echo "Kept, if they were there: plugins, '/etc/health-checker', '/var/lib/health-checker', '/var/lib/misc/health-check.state'"

# The shipped set of checks: separate, because it is for an administrator to say what makes a machine healthy.
install-checks:
	install -d -m 0755 '$(DESTDIR)$(LIBEXECDIR)/health-checker' '$(DESTDIR)$(PREFIX)/lib/health-checker/checks.d'
	for file in $(PLUGINS); do install -m 0755 "$$file" '$(DESTDIR)$(LIBEXECDIR)/health-checker' || exit 1; done
	for file in $(CHECKS); do install -m 0644 "$$file" '$(DESTDIR)$(PREFIX)/lib/health-checker/checks.d' || exit 1; done

uninstall-checks:
	for file in $(PLUGINS); do rm -f '$(DESTDIR)$(LIBEXECDIR)/health-checker'/"$${file##*/}"; done
	for file in $(CHECKS); do rm -f '$(DESTDIR)$(PREFIX)/lib/health-checker/checks.d'/"$${file##*/}"; done
	-rmdir '$(DESTDIR)$(PREFIX)/lib/health-checker/checks.d' '$(DESTDIR)$(PREFIX)/lib/health-checker'

# What brings a machine back that never comes as far as a check (docs/BOOT.md): one for the boot loader, one for the
# initrd. None of them regenerates anything by itself.
install-grub:
	install -D -m 0755 dist/grub/07_health-checker '$(DESTDIR)$(GRUB_MKCONFIG_DIR)/07_health-checker'
	install -D -m 0755 dist/grub/95_health-checker '$(DESTDIR)$(GRUB_MKCONFIG_DIR)/95_health-checker'
	install -D -m 0644 dist/grub/health-checker.cfg '$(DESTDIR)$(GRUB_DEFAULTS_DIR)/health-checker.cfg'
	@echo "Now run 'update-grub' or 'grub2-mkconfig -o /boot/grub2/grub.cfg'"

uninstall-grub:
	rm -f '$(DESTDIR)$(GRUB_MKCONFIG_DIR)/07_health-checker' '$(DESTDIR)$(GRUB_MKCONFIG_DIR)/95_health-checker' \
		'$(DESTDIR)$(GRUB_DEFAULTS_DIR)/health-checker.cfg'
	@echo "Now run 'update-grub' or 'grub2-mkconfig -o /boot/grub2/grub.cfg'"

install-dracut:
	for file in module-setup.sh health-checker-emergency.sh health-checker-pivot.sh; do \
		install -D -m 0755 dist/dracut/50health-checker/$$file '$(DESTDIR)$(DRACUT_MODULES_DIR)/50health-checker'/$$file || exit 1; \
	done
	@echo "Now run 'dracut --force' (transactional systems: 'transactional-update initrd')"

uninstall-dracut:
	rm -rf '$(DESTDIR)$(DRACUT_MODULES_DIR)/50health-checker'

INITRAMFS_TOOLS_FILES = hooks/health-checker scripts/init-bottom/health-checker scripts/init-top/health-checker scripts/panic/health-checker

install-initramfs-tools:
	for file in $(INITRAMFS_TOOLS_FILES); do \
		install -D -m 0755 dist/initramfs-tools/$$file '$(DESTDIR)$(INITRAMFS_TOOLS_DIR)'/$$file || exit 1; \
	done
	@echo "Now run 'update-initramfs -u'"

uninstall-initramfs-tools:
	for file in $(INITRAMFS_TOOLS_FILES); do rm -f '$(DESTDIR)$(INITRAMFS_TOOLS_DIR)'/$$file; done

# Boot entries get tries: kernel-install(8) knows no other place for their number. An administrator's stays.
install-bls:
	test -e '$(DESTDIR)$(KERNEL_INSTALL_DIR)/tries' || install -D -m 0644 dist/kernel/tries '$(DESTDIR)$(KERNEL_INSTALL_DIR)/tries'

uninstall-bls:
	! cmp -s dist/kernel/tries '$(DESTDIR)$(KERNEL_INSTALL_DIR)/tries' || rm -f '$(DESTDIR)$(KERNEL_INSTALL_DIR)/tries'

setup:
	tests/setup.sh

# Quick, for any user: no machine is booted. Tests that need root are left out, and say so; 'make check' has them.
test:
	$(CARGO) test --locked

check:
	tests/check.sh

check-vm:
	tests/check-vm.sh

demo: setup build
	$(CARGO) run --quiet --release --locked --package health-checker-tests --bin demo

bench: setup build
	$(CARGO) build --quiet --release --locked --package health-checker-tests --bin web
	$(CARGO) run --quiet --release --locked --package health-checker-tests --bin bench

clean:
	$(CARGO) clean
