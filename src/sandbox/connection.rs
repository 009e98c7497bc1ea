//! Connections that can be cut: between a request and its answer, or in the middle of one.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// Cuts one connection, at once or later.
#[derive(Debug, Clone, Default)]
pub struct Scissors(Arc<Blades>);

#[derive(Debug, Default)]
struct Blades {
    /// Not a byte more goes out.
    cut: AtomicBool,
    /// It is closed once what is being said was said.
    closing: AtomicBool,
    /// What was being said then went out.
    said: AtomicBool,
    /// It is cut when the other side says something again.
    waiting: AtomicBool,
}

impl Scissors {
    /// Cuts.
    pub fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
    }

    /// Closes after the answer that is on its way, without announcing it.
    pub fn close_after_the_answer(&self) {
        self.0.closing.store(true, Ordering::SeqCst);
    }

    /// Cuts when the next request comes, before any of it is read.
    pub fn cut_at_the_next_request(&self) {
        self.0.waiting.store(true, Ordering::SeqCst);
    }

    fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::SeqCst)
    }

    fn is_closed(&self) -> bool {
        self.0.closing.load(Ordering::SeqCst) && self.0.said.load(Ordering::SeqCst)
    }

    fn note_said(&self) {
        if self.0.closing.load(Ordering::SeqCst) {
            self.0.said.store(true, Ordering::SeqCst);
        }
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().scissors.clone()
    }
}

/// A listener whose connections can be cut.
#[derive(Debug)]
pub struct CuttableListener(pub TcpListener);

impl Listener for CuttableListener {
    type Io = Cuttable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Cuttable, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Without it, small answers wait for the client's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
        let scissors = Scissors::default();
        (Cuttable { stream, scissors }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// One such connection.
#[derive(Debug)]
pub struct Cuttable {
    stream: TcpStream,
    scissors: Scissors,
}

impl Cuttable {
    fn check(&self) -> io::Result<()> {
        if self.scissors.is_cut() {
            // A closed socket with a zero linger time is a reset for the other side.
            self.stream.set_zero_linger()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        if self.scissors.is_closed() {
            // Nothing more is heard, as from a client that is done: the connection is closed in turn.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && self.scissors.0.waiting.load(Ordering::SeqCst) {
            self.scissors.cut();
            buffer.set_filled(before);
            self.check()?;
        }
        polled
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let polled = Pin::new(&mut self.stream).poll_write(context, buffer);
        if polled.is_ready() {
            self.scissors.note_said();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
