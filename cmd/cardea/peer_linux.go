package main

import (
	"net"
	"syscall"
)

// peerUID returns the user of the process at the other end of a unix socket
// (SO_PEERCRED of unix(7)); -1 where it is not known.
func peerUID(c net.Conn) int {
	uid := -1
	conn, ok := c.(*net.UnixConn)
	if !ok {
		return uid
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return uid
	}
	_ = raw.Control(func(fd uintptr) { // without an answer it is not known
		if cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	return uid
}
