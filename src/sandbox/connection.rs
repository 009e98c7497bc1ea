//! Connections that can be cut: between a request and its answer, or in the middle of one.

use std::{
    io,
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
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
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

impl Connected<IncomingStream<'_, CuttableListener<TcpListener>>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, CuttableListener<TcpListener>>) -> Self {
        stream.io().scissors.clone()
    }
}

#[cfg(unix)]
impl Connected<IncomingStream<'_, CuttableListener<UnixListener>>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, CuttableListener<UnixListener>>) -> Self {
        stream.io().scissors.clone()
    }
}

/// A stream that can be made ready for its use, and be torn down.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Before its first byte.
    fn prepare(&self);
    /// So that the other side sees a failure where the system knows one.
    fn tear(&self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn prepare(&self) {
        // Without it, small answers wait for the client's acknowledgement.
        if let Err(error) = self.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not available");
        }
    }

    fn tear(&self) -> io::Result<()> {
        // A closed socket with a zero linger time is a reset for the other side.
        self.set_zero_linger()
    }
}

#[cfg(unix)]
impl Wire for UnixStream {
    fn prepare(&self) {}

    fn tear(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A listener whose connections can be cut.
#[derive(Debug)]
pub struct CuttableListener<L> {
    listener: L,
    stopped: Arc<AtomicBool>,
}

impl<L> CuttableListener<L> {
    /// For a server that says when it is stopped.
    pub const fn new(listener: L, stopped: Arc<AtomicBool>) -> Self {
        Self { listener, stopped }
    }
}

impl<L: Listener<Io: Wire>> Listener for CuttableListener<L> {
    type Io = Cuttable<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        stream.prepare();
        let (scissors, stopped) = (Scissors::default(), Arc::clone(&self.stopped));
        (Cuttable { stream, scissors, stopped, end: End::Open }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// How far a connection has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    /// The other side left.
    Left,
    /// This side said that it has nothing more to say.
    Said,
}

/// One such connection.
///
/// It ends in a reset wherever nobody is left to hear a farewell. A system remembers a connection that ended in good
/// order for minutes, and so does its firewall; suites that open thousands in a second fill both tables, and then
/// packets are dropped.
#[derive(Debug)]
pub struct Cuttable<S: Wire> {
    stream: S,
    scissors: Scissors,
    stopped: Arc<AtomicBool>,
    end: End,
}

impl<S: Wire> Drop for Cuttable<S> {
    fn drop(&mut self) {
        if self.end != End::Said {
            let _ = self.stream.tear();
        }
    }
}

impl<S: Wire> Cuttable<S> {
    fn check(&self) -> io::Result<()> {
        if self.scissors.is_cut() {
            self.stream.tear()?;
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl<S: Wire> AsyncRead for Cuttable<S> {
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
        if matches!(polled, Poll::Ready(Ok(()))) && buffer.filled().len() == before && buffer.remaining() > 0 {
            self.end = End::Left;
        }
        if buffer.filled().len() > before && self.scissors.0.waiting.load(Ordering::SeqCst) {
            self.scissors.cut();
            buffer.set_filled(before);
            self.check()?;
        }
        polled
    }
}

impl<S: Wire> AsyncWrite for Cuttable<S> {
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
        if self.end == End::Left || self.stopped.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        self.end = End::Said;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
