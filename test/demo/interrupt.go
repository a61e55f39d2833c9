package main

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// What a terminal sends for Ctrl-C and Ctrl-D when it makes no signals of them.
const (
	ctrlC = 0x03
	ctrlD = 0x04
)

// untilInterrupted waits until ctx ends, or until somebody presses Ctrl-C.
//
// At a terminal Ctrl-C is read as what it is, a key. As a signal it would go to make as
// well, which then says that the target has failed, however well this program ends.
func untilInterrupted(ctx context.Context, in *os.File) error {
	// In the background, a program that touches the terminal is stopped, and all that it
	// has started too.
	foreground, err := unix.IoctlGetInt(int(in.Fd()), unix.TIOCGPGRP)
	if err != nil || foreground != unix.Getpgrp() {
		<-ctx.Done()
		return nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return err
	}
	defer term.Restore(int(in.Fd()), before)
	pressed := make(chan struct{})
	go func() {
		defer close(pressed)
		for key := make([]byte, 1); ; {
			if n, err := in.Read(key); err != nil || n == 1 && (key[0] == ctrlC || key[0] == ctrlD) {
				return
			}
		}
	}()
	select {
	case <-ctx.Done():
	case <-pressed:
	}
	return nil
}
