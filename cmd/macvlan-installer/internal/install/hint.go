package install

import (
	"errors"
	"fmt"
	"syscall"
)

// hints say what to do about errors that are not the program's to solve.
var hints = []struct {
	err  error
	text string
}{
	{syscall.ENOENT, "create it, or name the folder that the container runtime uses with --bin-dir (in a pod, mount it from the node with hostPath)"},
	{syscall.ENOTDIR, "name a folder with --bin-dir"},
	{syscall.EROFS, "mount it writable, name another folder with --bin-dir, or provide the plugins in another way and only check them with --policy never"},
	{syscall.ENOSPC, "free some space on the node's disk; the installer tries again, and what was there is untouched"},
	{syscall.EDQUOT, "raise the quota of the node's disk; what was there is untouched"},
	{syscall.EACCES, "run as root; if the folder belongs to another user, add the capability DAC_OVERRIDE; if SELinux is enforcing, see docs/installer.md"},
	{syscall.EPERM, "run as root; a file or folder that is immutable (chattr +i) or belongs to another user is left as it is"},
}

// hint adds to an error of the file system what to do about it.
func hint(err error) error {
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return fmt.Errorf("%w: %s", err, h.text)
		}
	}
	return err
}
