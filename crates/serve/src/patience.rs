//! A connection whose client has to read: answers wait in memory, so one that takes nothing for as long as a request may last is
//! cut.

use std::{
    future::Future,
    io::{Error, ErrorKind, IoSlice, Result},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// A stream that fails when nothing can be written for too long.
#[derive(Debug)]
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    /// When patience ends, while something waits to be written.
    end: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl<S> Patient<S> {
    /// Waits for at most `patience` each time.
    pub fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, end: Box::pin(sleep(patience)), is_waiting: false }
    }

    /// What came of writing, or that it has come to nothing for too long.
    fn bounded<T>(&mut self, context: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        if !self.is_waiting {
            self.is_waiting = true;
            self.end.as_mut().reset(Instant::now() + self.patience);
        }
        let over = self.end.as_mut().poll(context);
        over.map(|()| Err(Error::new(ErrorKind::TimedOut, "the client reads nothing")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(context, shut)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::TcpStream};

    use tokio::net::TcpListener;

    use super::*;

    /// A connection, and its other end.
    async fn pair(patience: Duration) -> (Patient<tokio::net::TcpStream>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let far = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        (Patient::new(listener.accept().await.expect("a connection").0, patience), far)
    }

    async fn write(near: &mut Patient<tokio::net::TcpStream>, bytes: &[u8]) -> Result<usize> {
        std::future::poll_fn(|context| Pin::new(&mut *near).poll_write(context, bytes)).await
    }

    /// More than a system keeps for one connection.
    const MUCH: usize = 64 << 20;

    #[tokio::test]
    async fn who_reads_slowly_gets_everything_and_who_reads_nothing_is_cut() {
        let (mut near, mut far) = pair(Duration::from_secs(60)).await;
        let reading = std::thread::spawn(move || {
            let (mut some, mut all) = (vec![0; 100_000], 0);
            while all < MUCH {
                all += far.read(&mut some).expect("bytes");
            }
        });
        let bytes = vec![7; 1 << 20];
        let mut written = 0;
        while written < MUCH {
            written += write(&mut near, &bytes[..bytes.len().min(MUCH - written)]).await.expect("written");
        }
        reading.join().expect("read");
        let (mut near, _far) = pair(Duration::from_millis(50)).await;
        let error = loop {
            if let Err(error) = write(&mut near, &bytes).await {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
