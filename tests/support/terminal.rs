//! A terminal, as far as the program can tell: its three streams are one pseudo-terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a command in a terminal of 120 columns; returns its exit code and everything it wrote.
pub fn run(command: Command) -> (i32, String) {
    talk(command, "", &[])
}

/// The same, with this typed before anything is asked.
pub fn answer(command: Command, typed: &str) -> (i32, String) {
    talk(command, typed, &[])
}

/// The same, typing each answer when its question is on the screen.
pub fn converse(command: Command, answers: &[(&str, &str)]) -> (i32, String) {
    talk(command, "", answers)
}

fn talk(mut command: Command, typed: &str, answers: &[(&str, &str)]) -> (i32, String) {
    let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&ours).expect("a pseudo-terminal");
    unlockpt(&ours).expect("a pseudo-terminal");
    let name = ptsname(&ours, Vec::new())
        .expect("its name")
        .into_string()
        .expect("a path");
    let theirs = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name)
        .expect("its other end");
    let size = Winsize {
        ws_row: 40,
        ws_col: 120,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).expect("its size");
    let stream = || Stdio::from(theirs.try_clone().expect("one more handle"));
    command.stdin(stream()).stdout(stream()).stderr(stream());
    let mut child = command.spawn().expect("the program");
    drop((command, theirs));
    let mut written = Vec::new();
    let mut ours = File::from(ours);
    ours.write_all(typed.as_bytes()).expect("its keyboard");
    let mut buffer = [0; 4096];
    // The end of a terminal whose other side is closed is an error on Linux, and an end elsewhere.
    let mut answers = answers.iter();
    let mut next = answers.next();
    while let Ok(read @ 1..) = ours.read(&mut buffer) {
        written.extend_from_slice(&buffer[..read]);
        if let Some((question, answer)) = next
            && String::from_utf8_lossy(&written).contains(question)
        {
            ours.write_all(answer.as_bytes()).expect("typing");
            next = answers.next();
        }
    }
    let code = child.wait().expect("its end").code().unwrap_or(-1);
    (code, String::from_utf8_lossy(&written).into_owned())
}
