package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"docuvault/cmd/docuvault/internal/client"
	"docuvault/cmd/docuvault/internal/push"
)

type pushCmd struct {
	JSON           bool     `name:"json" help:"Print one JSON object a file on stdout, and a summary object last."`
	URL            string   `name:"url" env:"DOCUVAULT_URL" default:"http://localhost:8080" help:"Address of the vault."`
	AllowDuplicate bool     `help:"Send files although the same bytes are in the vault already."`
	Tag            []string `placeholder:"TAG" sep:"none" help:"Tag for each new document; may be given again."`
	Wait           bool     `help:"Wait until each document has been analysed."`
	Paths          []string `arg:"" name:"path" help:"Files and folders."`
}

// Help is the long text of push --help.
func (pushCmd) Help() string {
	return `Files are hashed, and sent four at a time straight to the vault's storage, which refuses other bytes than were announced. Folders keep their tree: "push Tax" puts Tax/2024/a.pdf into the folder Tax/2024; a file that you name yourself goes to the top.

What is in the vault already is reported as such and not sent again, so an interrupted push goes on when you run the same command again. A file that changes while it is sent is begun anew.

Left out of folders, and counted: what systems and programs leave behind (.DS_Store, Thumbs.db, desktop.ini, ._*, ~$*, .~lock.*, .#*, *~, *.tmp, *.temp, *.swp, *.swo, *.part, *.partial, *.crdownload, recycle bins), pipes, sockets, devices, links that lead nowhere, and folders that a link leads to a second time. A file that you name yourself is always sent. A file that cannot be read is reported, and the rest goes on.

When the vault is full, files on the line are finished and no further one is begun.

Credentials: DOCUVAULT_TOKEN (an API token), else DOCUVAULT_EMAIL and DOCUVAULT_PASSWORD, else you are asked.

Exit codes: 0 each file is in the vault (also: was there, is in its trash, or was left out), 1 a file failed, 2 wrong usage, 130 interrupted.`
}

// Run pushes.
func (c *pushCmd) Run(ctx context.Context, s streams) error {
	t := terminalOf(s)
	var screen push.Screen
	say := func(text string) {
		if screen != nil {
			screen.Say(text)
			return
		}
		_, _ = fmt.Fprintln(s.err, text)
	}
	api, err := client.New(c.URL, client.Credentials{}, client.Options{})
	if err != nil {
		return usage("--url: %w", err)
	}
	credentials, err := t.credentials(ctx, api.Host())
	if err != nil {
		return err
	}
	api, err = client.New(c.URL, credentials, client.Options{Notice: func(text string) { say(text) }, UserAgent: version()})
	if err != nil {
		return usage("--url: %w", err)
	}
	if api.Insecure() {
		say("Warning: plain http to another machine; everybody between can read your password. Use https.")
	}
	if err := api.SignIn(ctx); err != nil {
		return err
	}
	defer func() {
		// The session ends with the command, also after Ctrl-C.
		out, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = api.SignOut(out)
	}()

	screen = push.NewScreen(push.Output{
		Results: s.out, Messages: s.err, JSON: c.JSON,
		Bars: t.messages && !t.dumb, Colour: t.results && !t.plain && !c.JSON, Shared: t.results && t.messages,
		Paths: c.Paths,
	})
	summary, err := push.Run(ctx, api, push.Options{
		Paths: c.Paths, AllowDuplicate: c.AllowDuplicate, Tags: c.Tag, Wait: c.Wait,
	}, screen)
	screen.Close(summary)
	switch {
	case summary.Interrupted:
		_, _ = fmt.Fprintln(s.err, "Interrupted. What is uploaded stays; run the same command again to go on with the rest.")
		return &exitError{code: exitInterrupted}
	case errors.Is(err, push.ErrFailed):
		return &exitError{code: exitFailed} // each was reported
	case err != nil:
		return fmt.Errorf("stopped: %w. Files that were not begun are left; run the same command again to go on", err)
	}
	return nil
}

// environment is a variable of the process; here so that tests read no other.
func environment(name string) string { return os.Getenv(name) }
